// A UUID: sixteen bytes. gen_random_uuid() generates one on the server; copg generates none.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};  ///< In the order of the text.

  /// 32 hexadecimal digits of either case, with hyphens after any four of them or braces around, as the
  /// server reads it.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text) noexcept;
  /// 8-4-4-4-12, lower case.
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace copg
#pragma GCC visibility pop

template <>
struct std::hash<copg::Uuid> {
  std::size_t operator()(const copg::Uuid& uuid) const noexcept {
    std::uint64_t half[2];
    std::memcpy(half, uuid.bytes.data(), sizeof half);
    return std::hash<std::uint64_t>()(half[0] ^ (half[1] * 0x9E3779B97F4A7C15ULL));
  }
};
