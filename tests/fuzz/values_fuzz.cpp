// The texts of values as a server might send them, and the way back. The first byte says of which type.
#include <copg/codec.hpp>
#include <copg/error.hpp>
#include <copg/uuid.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/target.hpp"
#include "support/plain_decoders.hpp"

namespace copg::fuzz {
namespace {

template <class T>
std::string sent(const T& value) {
  Buffer out;
  Codec<T>::encode(value, out);
  return std::string(out.view());
}

/// Refused with a DataError (one is thrown for sending, too, where no server can have such a value), or a
/// value that survives being sent and read.
template <class T>
void read(std::string_view text) {
  std::string once;
  try {
    once = sent(Codec<T>::decode(text));
  } catch (const DataError&) {
    return;
  }
  require(sent(Codec<T>::decode(once)) == once, "a value that was read can be sent and read again");
}

/// The same, and what a decoder without a fast way reads.
template <class T, auto plainly>
void read_both_ways(std::string_view text) {
  read<T>(text);
  const auto by_library = test::read_by_library<T>(text);
  const auto expected = plainly(text);
  require(by_library.has_value() == expected.has_value() &&
              (!expected || test::comparable(*by_library) == test::comparable(*expected)),
          "the fast way agrees with the plain one");
}
template <class T>
void read_number(std::string_view text) {
  read_both_ways<T, test::read_plainly<T>>(text);
}
template <class T, auto plainly>
void read_time(std::string_view text) {
  test::has_common_year(text) ? read_both_ways<T, plainly>(text) : read<T>(text);
}

using Read = void (*)(std::string_view);
constexpr std::array<Read, 21> readers = {
    read<bool>,
    read_number<std::int16_t>,
    read_number<std::int32_t>,
    read_number<std::int64_t>,
    read_number<std::uint64_t>,
    read_number<float>,
    read_number<double>,
    read<std::string>,
    read<std::vector<std::byte>>,
    read<Uuid>,
    read_time<std::chrono::sys_days, test::read_date_plainly>,
    read<std::chrono::year_month_day>,
    read_time<std::chrono::sys_time<std::chrono::microseconds>, test::read_zoned_plainly>,
    read_time<std::chrono::local_time<std::chrono::microseconds>, test::read_local_plainly>,
    read<TimeOfDay>,
    read<std::chrono::microseconds>,
    read<std::vector<std::optional<std::string>>>,
    read<std::vector<std::vector<std::int32_t>>>,
    read<std::vector<std::optional<double>>>,
    read<std::vector<std::chrono::sys_time<std::chrono::seconds>>>,
    read<std::vector<std::vector<std::byte>>>,
};

}  // namespace

void fuzz(std::string_view text) {
  if (text.empty() || text.find('\0') != std::string_view::npos) return;  // no text of a server's has a NUL
  const auto type = static_cast<std::size_t>(text.front() - 'a');
  if (type < readers.size()) readers[type](text.substr(1));
}

}  // namespace copg::fuzz
