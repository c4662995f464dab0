// Floating point numbers to and from text, and what is wrong with a text that is no number.
#include <copg/codec/number.hpp>

#include <cmath>

namespace copg::detail {
namespace {

template <class T>
void encode_floating(T value, Buffer& out) {
  if (std::isnan(value)) return out.append("NaN");
  if (std::isinf(value)) return out.append(value < 0 ? "-Infinity" : "Infinity");
  char text[64];
  const auto result = std::to_chars(text, text + sizeof text, value);
  out.append({text, static_cast<std::size_t>(result.ptr - text)});
}

template <class T>
T decode_floating(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  // Takes PostgreSQL's NaN, Infinity and -Infinity too.
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec == std::errc::result_out_of_range) reject_text("out of range", text);
  if (result.ec != std::errc() || result.ptr != end) reject_text("not a number", text);
  return value;
}

}  // namespace

std::string_view integral_part(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.find_first_not_of('0', point + 1) != std::string_view::npos)
    return text;
  return text.substr(0, point);
}

void reject_integer(std::string_view text, std::errc error) {
  if (error == std::errc::result_out_of_range) reject_text("out of range", text);
  const bool number = !text.empty() && text.find_first_not_of("+-.0123456789") == std::string_view::npos;
  reject_text(number && text.find('.') != std::string_view::npos ? "not a whole number"
              : number                                           ? "out of range"
                                                                 : "not a number",
              text);
}

void encode_double(double value, Buffer& out) { encode_floating(value, out); }
void encode_float(float value, Buffer& out) { encode_floating(value, out); }
double decode_double(std::string_view text) { return decode_floating<double>(text); }
float decode_float(std::string_view text) { return decode_floating<float>(text); }

}  // namespace copg::detail
