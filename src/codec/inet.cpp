#include <copg/inet.hpp>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <system_error>

namespace copg {

std::optional<Inet> Inet::parse(std::string_view text) noexcept {
  Inet result;
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  char terminated[INET6_ADDRSTRLEN]{};
  if (address.size() >= sizeof terminated) return std::nullopt;
  std::memcpy(terminated, address.data(), address.size());
  result.is_v6 = address.find(':') != std::string_view::npos;
  if (inet_pton(result.is_v6 ? AF_INET6 : AF_INET, terminated, result.bytes.data()) != 1) return std::nullopt;
  const unsigned most = result.is_v6 ? 128 : 32;
  unsigned prefix = most;
  if (slash != std::string_view::npos) {
    const char* const end = text.data() + text.size();
    const auto number = std::from_chars(text.data() + slash + 1, end, prefix);
    if (number.ec != std::errc() || number.ptr != end || prefix > most) return std::nullopt;
  }
  result.prefix = static_cast<std::uint8_t>(prefix);
  return result;
}

std::string Inet::to_string() const {
  char text[INET6_ADDRSTRLEN]{};
  static_cast<void>(inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text));
  const int most = is_v6 ? 128 : 32;
  return prefix == most ? std::string(text) : fmt::format("{}/{}", text, prefix);
}

}  // namespace copg
