#pragma once

#include <copg/codec/codec.hpp>
#include <copg/inet.hpp>

#include <optional>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

template <>
struct Codec<Inet> {
  static constexpr Oid oid = 869;
  static constexpr std::string_view name = "copg::Inet";
  static constexpr bool accepts(Oid column) {
    constexpr Oid cidr = 650;
    return column == oid || column == cidr;
  }
  static void encode(const Inet& value, Buffer& out) { out.append(value.to_string()); }
  static Inet decode(std::string_view text) {
    if (const std::optional<Inet> address = Inet::parse(text)) return *address;
    detail::reject_text("not an IP address", text);
  }
};

}  // namespace copg
#pragma GCC visibility pop
