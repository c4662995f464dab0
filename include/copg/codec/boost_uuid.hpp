// boost::uuids::uuid as uuid. Not part of copg.hpp: include it where it is used.
#pragma once

#include <copg/codec/text.hpp>

#include <algorithm>
#include <boost/uuid/uuid.hpp>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

template <>
struct Codec<boost::uuids::uuid> {
  static constexpr Oid oid = oid::uuid;
  static constexpr std::string_view name = "boost::uuids::uuid";
  static void encode(const boost::uuids::uuid& value, Buffer& out) {
    Uuid ours;
    std::copy(value.begin(), value.end(), ours.bytes.begin());
    Codec<Uuid>::encode(ours, out);
  }
  static boost::uuids::uuid decode(std::string_view text) {
    const Uuid ours = Codec<Uuid>::decode(text);
    boost::uuids::uuid value{};
    std::copy(ours.bytes.begin(), ours.bytes.end(), value.begin());
    return value;
  }
};

}  // namespace copg
#pragma GCC visibility pop
