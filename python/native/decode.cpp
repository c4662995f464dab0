// Numbers, text, bytes, JSON, addresses, arrays and ranges.
#include "python/native/decode.hpp"

#include <nanobind/nanobind.h>

#include <copg/codec/range.hpp>
#include <copg/codec/text.hpp>
#include <copg/error.hpp>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "codec/hex.hpp"
#include "python/native/imported.hpp"
#include "python/native/oids.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

/// Eight bytes at a time.
bool is_ascii(std::string_view text) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  std::uint64_t seen = 0;
  std::size_t at = 0;
  for (; at + sizeof seen <= text.size(); at += sizeof seen) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    seen |= bytes;
  }
  for (; at < text.size(); ++at) seen |= static_cast<unsigned char>(text[at]);
  return (seen & high_bits) == 0;
}

PyObject* decode_text(std::string_view text, Oid /*type*/) {
  // Most texts are ASCII, which needs no decoder. Python keeps one object for each single character.
  if (text.size() > 1 && is_ascii(text)) {
    PyObject* const string = PyUnicode_New(static_cast<Py_ssize_t>(text.size()), 127);
    if (string != nullptr) std::memcpy(PyUnicode_DATA(string), text.data(), text.size());
    return string;
  }
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* decode_bool(std::string_view text, Oid /*type*/) { return PyBool_FromLong(text == "t"); }

PyObject* decode_int(std::string_view text, Oid /*type*/) {
  long long number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size())
    return set_data_error("not a whole number", text);
  return PyLong_FromLongLong(number);
}

PyObject* decode_float(std::string_view text, Oid /*type*/) {
  double number = 0;
  // Takes PostgreSQL's NaN, Infinity and -Infinity too.
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size())
    return set_data_error("not a number", text);
  return PyFloat_FromDouble(number);
}

/// Calls a function of one string.
PyObject* call_with_text(PyObject* function, std::string_view text) {
  const nb::object argument = nb::steal(decode_text(text, 0));
  return argument.is_valid() ? PyObject_CallOneArg(function, argument.ptr()) : nullptr;
}

PyObject* decode_numeric(std::string_view text, Oid /*type*/) {
  return call_with_text(imported().decimal, text);
}
PyObject* decode_json(std::string_view text, Oid /*type*/) {
  return call_with_text(imported().json_loads, text);
}

PyObject* decode_inet(std::string_view text, Oid /*type*/) {
  const bool prefix = text.find('/') != std::string_view::npos;
  return call_with_text(prefix ? imported().ip_interface : imported().ip_address, text);
}
PyObject* decode_cidr(std::string_view text, Oid /*type*/) {
  return call_with_text(imported().ip_network, text);
}

PyObject* decode_bytea(std::string_view text, Oid /*type*/) {
  if (!text.starts_with("\\x")) {  // bytea_output = escape
    try {
      const auto bytes = copg::detail::decode_bytes(text);
      return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()),
                                       static_cast<Py_ssize_t>(bytes.size()));
    } catch (const DataError& error) {
      return set_data_error(error.what(), text);
    }
  }
  const std::string_view digits = text.substr(2);
  PyObject* const bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(digits.size() / 2));
  if (bytes == nullptr) return nullptr;
  char* out = PyBytes_AS_STRING(bytes);
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    *out++ =
        static_cast<char>((copg::detail::hex_value(digits[i]) << 4) | copg::detail::hex_value(digits[i + 1]));
  return bytes;
}

/// UUID's constructor parses and checks in Python; the server has done both. Its attributes are set behind
/// the back of its own __setattr__, which refuses.
PyObject* decode_uuid(std::string_view text, Oid /*type*/) {
  const Imported& types = imported();
  unsigned char bytes[16]{};
  int count = 0;
  for (const char c : text) {
    const int digit = copg::detail::hex_value(c);
    if (digit < 0 || count == 32) continue;
    bytes[count / 2] = static_cast<unsigned char>((bytes[count / 2] << 4) | digit);
    ++count;
  }
  if (count != 32) return set_data_error("not a UUID", text);
  auto* const type = reinterpret_cast<PyTypeObject*>(types.uuid);
  nb::object uuid = nb::steal(type->tp_alloc(type, 0));
#if PY_VERSION_HEX >= 0x030D0000
  const nb::object number =
      nb::steal(PyLong_FromUnsignedNativeBytes(bytes, sizeof bytes, Py_ASNATIVEBYTES_BIG_ENDIAN));
#else
  const nb::object number = nb::steal(_PyLong_FromByteArray(bytes, sizeof bytes, 0, 0));
#endif
  if (!uuid.is_valid() || !number.is_valid() ||
      PyObject_GenericSetAttr(uuid.ptr(), types.uuid_int, number.ptr()) != 0 ||
      PyObject_GenericSetAttr(uuid.ptr(), types.uuid_is_safe, types.uuid_unknown) != 0)
    return nullptr;
  return uuid.release().ptr();
}

/// Of all types only box has commas in its elements, and semicolons between them (pg_type.typdelim).
char delimiter_of(Oid element) noexcept { return element == oid::box ? ';' : ','; }

/// Reads "{1,NULL,{...},"a\"b"}", with bounds such as "[0:1]=" in front or not (documentation 8.15.6).
class ArrayReader {
 public:
  ArrayReader(std::string_view text, const CellReader& element, char delimiter)
      : text_(text), ends_{delimiter, '}'}, read_(element) {}

  PyObject* run() {
    if (text_.starts_with('[')) at_ = text_.find('=') + 1;
    PyObject* const list = peek() == '{' ? read_list() : nullptr;
    if (list != nullptr && at_ == text_.size()) return list;
    Py_XDECREF(list);
    return PyErr_Occurred() != nullptr ? nullptr : set_data_error("not an array", text_);
  }

 private:
  [[nodiscard]] char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }

  PyObject* read_list() {
    nb::object list = nb::steal(PyList_New(0));
    if (!list.is_valid()) return nullptr;
    ++at_;
    if (peek() == '}') ++at_;
    while (text_[at_ - 1] != '}') {
      const nb::object element = nb::steal(peek() == '{' ? read_list() : read_element());
      if (!element.is_valid() || PyList_Append(list.ptr(), element.ptr()) != 0) return nullptr;
      if (std::string_view(ends_, sizeof ends_).find(peek()) == std::string_view::npos) return nullptr;
      ++at_;
    }
    return list.release().ptr();
  }

  PyObject* read_element() {
    scratch_.clear();
    if (peek() == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
        scratch_ += peek();
      }
      ++at_;
      return read_(scratch_);
    }
    const std::size_t end = std::min(text_.find_first_of(ends_, at_, sizeof ends_), text_.size());
    scratch_.assign(text_, at_, end - at_);
    at_ = end;
    if (scratch_ == "NULL") {
      Py_INCREF(Py_None);
      return Py_None;
    }
    return read_(scratch_);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  char ends_[2];  // what an element ends with
  const CellReader& read_;
  std::string scratch_;
};

PyObject* decode_array(std::string_view text, Oid type) {
  const Oid element = element_of(type);
  return read_array(text, {decoder_for(element), element}, delimiter_of(element));
}

PyObject* decode_range(std::string_view text, Oid type) {
  const Oid bound = copg::detail::bound_of(type);
  return read_range(text, {decoder_for(bound), bound});
}

PyObject* decode_multirange(std::string_view text, Oid type) {
  const Oid bound = copg::detail::bound_of(copg::detail::range_of(type));
  return read_multirange(text, {decoder_for(bound), bound});
}

}  // namespace

PyObject* read_array(std::string_view text, const CellReader& element, char delimiter) {
  return ArrayReader(text, element, delimiter).run();
}

/// Double quotes enclose what has special characters, themselves doubled in there; a backslash takes the next
/// character as it is (documentation 8.16.6 and 8.17.5).
bool take_part(std::string_view text, std::size_t& at, char end, char other_end, std::string& part) {
  part.clear();
  const auto is_end = [&](char c) { return c == end || c == other_end; };
  const bool absent = at >= text.size() || is_end(text[at]);
  bool quoted = false;
  for (; at < text.size() && (quoted || !is_end(text[at])); ++at) {
    if (text[at] == '"' && !(quoted && at + 1 < text.size() && text[at + 1] == '"')) {
      quoted = !quoted;
      continue;
    }
    if (text[at] == '"' || text[at] == '\\') ++at;
    if (at < text.size()) part += text[at];
  }
  ++at;
  return !absent;
}

/// Reads "empty", "[1,5)", "(,"2024-01-01 00:00:00"]".
PyObject* read_range(std::string_view text, const CellReader& read) {
  PyObject* const range = imported().range;
  if (text == "empty") {
    const nb::object nothing = nb::steal(PyTuple_New(0));
    const nb::object keywords = nb::steal(Py_BuildValue("{s:O}", "empty", Py_True));
    return nothing.is_valid() && keywords.is_valid() ? PyObject_Call(range, nothing.ptr(), keywords.ptr())
                                                     : nullptr;
  }
  if (text.size() < 3) return set_data_error("not a range", text);
  std::size_t at = 1;
  std::string bound;
  const auto read_bound = [&](char end) {
    return take_part(text, at, end, end, bound) ? nb::steal(read(bound)) : nb::none();
  };
  const nb::object lower = read_bound(',');
  if (!lower.is_valid()) return nullptr;
  if (at >= text.size()) return set_data_error("not a range", text);
  const nb::object upper = read_bound(text.back());
  if (!upper.is_valid()) return nullptr;
  const char bounds[] = {text.front(), text.back(), '\0'};
  return PyObject_CallFunction(range, "OOs", lower.ptr(), upper.ptr(), bounds);
}

/// Reads "{[1,3),[5,8)}".
PyObject* read_multirange(std::string_view text, const CellReader& bound) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}')
    return set_data_error("not a multirange", text);
  const nb::object ranges = nb::steal(PyList_New(0));
  if (!ranges.is_valid()) return nullptr;
  const std::string_view inside = text.substr(1, text.size() - 2);
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < inside.size(); ++at) {
    const char c = inside[at];
    if (c == '\\') ++at;
    if (c == '"') quoted = !quoted;  // a doubled one twice
    if (quoted || (c != ')' && c != ']')) continue;
    const nb::object range = nb::steal(read_range(inside.substr(begin, at + 1 - begin), bound));
    if (!range.is_valid() || PyList_Append(ranges.ptr(), range.ptr()) != 0) return nullptr;
    begin = at + 2;  // behind the comma
  }
  return PyObject_CallOneArg(imported().multirange, ranges.ptr());
}

Decoder decoder_for(Oid type) noexcept {
  switch (type) {
    case oid::boolean: return decode_bool;
    case oid::int2:
    case oid::int4:
    case oid::int8:
    case oid::oid: return decode_int;
    case oid::float4:
    case oid::float8: return decode_float;
    case oid::numeric: return decode_numeric;
    case oid::bytea: return decode_bytea;
    case oid::date: return decode_date;
    case oid::time: return decode_time;
    case oid::timetz: return decode_timetz;
    case oid::timestamp: return decode_timestamp;
    case oid::timestamptz: return decode_timestamptz;
    case oid::interval: return decode_interval;
    case oid::uuid: return decode_uuid;
    case oid::json:
    case oid::jsonb: return decode_json;
    case oid::inet: return decode_inet;
    case oid::cidr: return decode_cidr;
    case oid::text:
    case oid::inferred: return decode_text;
    default: break;
  }
  if (copg::detail::bound_of(type) != oid::inferred) return decode_range;
  if (copg::detail::range_of(type) != oid::inferred) return decode_multirange;
  return element_of(type) != oid::inferred ? decode_array : decode_text;
}

PyObject* set_data_error(const char* what, std::string_view text) {
  constexpr std::size_t longest = 100;
  const nb::object shown = nb::steal(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(std::min(text.size(), longest)), "replace"));
  if (shown.is_valid()) PyErr_Format(imported().data_error, "%s: '%U'", what, shown.ptr());
  return nullptr;
}

}  // namespace copg::python
