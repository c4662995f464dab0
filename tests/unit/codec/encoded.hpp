// A value as the text that is sent, and back.
#pragma once

#include <copg/codec.hpp>

#include <string>
#include <string_view>

namespace copg::test {

template <class T>
std::string encoded(const T& value) {
  Buffer out;
  Codec<T>::encode(value, out);
  return std::string(out.view());
}

template <class T>
T decoded(std::string_view text) {
  return Codec<T>::decode(text);
}

}  // namespace copg::test
