// nlohmann::json and nlohmann::ordered_json as jsonb. Not part of copg.hpp: include it where they are used.
// It needs nlohmann's header (Debian's nlohmann-json3-dev).
#pragma once

#include <copg/codec/codec.hpp>

#include <nlohmann/json.hpp>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

template <class T>
struct NlohmannCodec {
  static constexpr Oid oid = oid::jsonb;
  static constexpr bool accepts(Oid column) { return column == oid::jsonb || column == oid::json; }
  /// A string that is no UTF-8 is a DataError.
  static void encode(const T& value, Buffer& out) {
    try {
      out.append(value.dump());
    } catch (const typename T::exception& error) {
      throw DataError(error.what());
    }
  }
  static T decode(std::string_view text) {
    try {
      return T::parse(text.begin(), text.end());
    } catch (const typename T::exception& error) {
      reject_text(error.what(), text);
    }
  }
};

}  // namespace detail

template <>
struct Codec<nlohmann::json> : detail::NlohmannCodec<nlohmann::json> {
  static constexpr std::string_view name = "nlohmann::json";
};
template <>
struct Codec<nlohmann::ordered_json> : detail::NlohmannCodec<nlohmann::ordered_json> {
  static constexpr std::string_view name = "nlohmann::ordered_json";
};

}  // namespace copg
#pragma GCC visibility pop
