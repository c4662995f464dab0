// An IP address, or the network that it is in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// Sent as inet; read from inet and cidr.
struct Inet {
  /// In network order; of IPv4 the first four count, the others are 0.
  std::array<std::uint8_t, 16> bytes{};
  bool is_v6 = false;
  /// Bits of the network: 0 to 32, or to 128 for IPv6. All of them: a single address.
  std::uint8_t prefix = 32;

  /// "192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32". Nothing if it is none of these.
  [[nodiscard]] static std::optional<Inet> parse(std::string_view text) noexcept;
  /// With "/" and the prefix only if it is no single address.
  [[nodiscard]] std::string to_string() const;

  /// The constructor makes it no aggregate, which would be read as a row of three columns.
  Inet() = default;
  friend bool operator==(const Inet&, const Inet&) = default;
};

}  // namespace copg
#pragma GCC visibility pop
