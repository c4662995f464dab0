#include <copg/error.hpp>
#include <copg/write_token.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>
#include <tuple>

#include "routing/position.hpp"

namespace copg {
namespace {

template <class Number>
bool read(std::string_view text, Number& number, int base = 10) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  return !text.empty() && error == std::errc() && rest == end;
}

/// The text before `separator`, and leaves what is behind it.
std::string_view cut(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

/// A position as PostgreSQL writes it: 0/16B3748.
bool read_position(std::string_view text, std::uint64_t& position) {
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  if (!read(cut(text, '/'), high, 16) || !read(text, low, 16)) return false;
  position = std::uint64_t{high} << 32U | low;
  return true;
}

}  // namespace

std::string WriteToken::to_string() const {
  return fmt::format("{}-{}-{:X}/{:X}", system, timeline, position >> 32U, position & UINT32_MAX);
}

WriteToken WriteToken::from_string(std::string_view text) {
  WriteToken token;
  std::string_view rest = text;
  const bool fits = read(cut(rest, '-'), token.system) && read(cut(rest, '-'), token.timeline) &&
                    read_position(rest, token.position) && token.system != 0 && token.timeline != 0;
  if (!fits) throw UsageError(fmt::format("not a write token: \"{}\"", text.substr(0, 100)));
  return token;
}

WriteToken later_of(const WriteToken& first, const WriteToken& second) noexcept {
  if (first.system != second.system) return second;
  // A newer timeline goes on from some position of the older one.
  const auto place = [](const WriteToken& token) { return std::tie(token.timeline, token.position); };
  return place(second) < place(first) ? first : second;
}

namespace routing {

// Asked with each write of a session, so that it is cheap: what it does not tell, the router knows.
const std::string_view position_text =
    "SELECT pg_catalog.pg_current_wal_insert_lsn(), "
    "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn())";

WriteToken token_in(const Result& answer, std::uint64_t system) {
  constexpr std::size_t timeline_digits = 8;
  // Behind a record that fills its page, PostgreSQL tells the end of the next page's header, where no replica
  // gets before the next record. Where pages are larger, the position may be the end of a record all the
  // same: none is shorter than the header, and that of a COMMIT is longer, so that no write is lost by going
  // back.
  constexpr std::uint64_t page = 8192;
  constexpr std::uint64_t header = 24;  // SizeOfXLogShortPHD, SizeOfXLogRecord
  WriteToken token{.system = system};
  const bool fits = answer.size() == 1 && answer.columns() == 2 &&
                    read_position(answer[0][0].text(), token.position) &&
                    read(answer[0][1].text().substr(0, timeline_digits), token.timeline, 16);
  if (!fits) throw DataError("the server did not tell the position of its log");
  if (token.position % page == header) token.position -= header;
  return token;
}

}  // namespace routing
}  // namespace copg
