// One function for each kind of value; lists take the one of their elements.
#include "python/native/adapt.hpp"

#include <nanobind/nanobind.h>

#include <copg/buffer.hpp>
#include <copg/codec/range.hpp>
#include <copg/codec/time.hpp>
#include <copg/error.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "codec/copy_text.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/decode.hpp"
#include "python/native/imported.hpp"
#include "python/native/oids.hpp"
#include "python/native/raised.hpp"
#include "python/native/types.hpp"

namespace nb = nanobind;

namespace copg {

/// A value that is text already, of a type found out at run time.
struct TypedText {
  std::string_view text;
  Oid type;
};
template <>
struct Codec<TypedText> {
  static constexpr Oid oid = oid::inferred;
  static Oid oid_of(const TypedText& value) { return value.type; }
  static void encode(const TypedText& value, Buffer& out) { out.append(value.text); }
};

namespace python {
namespace {

/// Stays valid as long as the string.
std::string_view utf8_of(PyObject* string) {
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(string, &size);
  if (text == nullptr) {
    nb::python_error surrogate;
    throw DataError(std::string("a string can't be sent as UTF-8: ") + surrogate.what());
  }
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

std::string_view text_without_nul(PyObject* string) {
  const std::string_view text = utf8_of(string);
  if (std::memchr(text.data(), 0, text.size()) != nullptr)
    throw DataError("a string with a NUL character can't be sent: PostgreSQL has no text that holds one");
  return text;
}

namespace {

void append_str_of(PyObject* value, std::string& out) {
  const nb::object text = checked(PyObject_Str(value));
  out += utf8_of(text.ptr());
}

Oid write_int(PyObject* value, std::string& out) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0) {
    // int's own __str__, whatever an enumeration makes of it; Python refuses too many digits.
    const nb::object digits = nb::steal(PyLong_Type.tp_repr(value));
    if (!digits.is_valid()) {
      nb::python_error too_long;
      throw DataError(std::string("an int can't be sent: ") + too_long.what());
    }
    out += utf8_of(digits.ptr());
    return oid::numeric;
  }
  if (number == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
  char digits[24];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
  if (number == static_cast<std::int16_t>(number)) return oid::int2;
  return number == static_cast<std::int32_t>(number) ? oid::int4 : oid::int8;
}

Oid write_float(PyObject* value, std::string& out) {
  const double number = PyFloat_AS_DOUBLE(value);
  if (std::isnan(number)) {
    out += "NaN";
  } else if (std::isinf(number)) {
    out += number < 0 ? "-Infinity" : "Infinity";
  } else {
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
  }
  return oid::float8;
}

Oid write_decimal(PyObject* value, std::string& out) {
  const std::size_t begin = out.size();
  append_str_of(value, out);
  // PostgreSQL has one NaN; Python's may have a sign, signal, and carry digits.
  if (out.find("NaN", begin) != std::string::npos) out.replace(begin, std::string::npos, "NaN");
  return oid::numeric;
}

/// Those of a bytes-like object, in one piece: of a memoryview with gaps, such as `view[::2]`, a copy.
class Bytes {
 public:
  explicit Bytes(PyObject* value) : whole_(nb::borrow(value)) {
    if (PyMemoryView_Check(value) && PyBuffer_IsContiguous(PyMemoryView_GET_BUFFER(value), 'C') == 0)
      whole_ = checked(PyBytes_FromObject(value));
    if (PyObject_GetBuffer(whole_.ptr(), &view_, PyBUF_CONTIG_RO) != 0) throw nb::python_error();
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { PyBuffer_Release(&view_); }
  [[nodiscard]] std::span<const std::byte> all() const noexcept {
    return {static_cast<const std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
  }

 private:
  nb::object whole_;
  Py_buffer view_{};
};

Oid write_bytes(PyObject* value, std::string& out) {
  static constexpr char digits[] = "0123456789abcdef";
  const Bytes bytes(value);
  out += "\\x";
  for (const std::byte byte : bytes.all()) {
    out += digits[std::to_integer<unsigned>(byte) >> 4];
    out += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return oid::bytea;
}

/// What makes the text of JSON: of the program, or json.dumps.
PyObject* json_dumps_of(const TypeMap* types) noexcept {
  PyObject* const own = types == nullptr ? nullptr : types->json_dumps();
  return own == nullptr ? imported().json_dumps : own;
}

/// `text`: a str, or bytes, as orjson gives.
void append_json(PyObject* text, std::string& out) {
  if (PyBytes_Check(text)) {
    out.append(PyBytes_AS_STRING(text), static_cast<std::size_t>(PyBytes_GET_SIZE(text)));
  } else if (PyUnicode_Check(text)) {
    out += text_without_nul(text);
  } else {
    throw ProgrammingMistake("the function that dumps JSON must return a str or bytes");
  }
}

Oid write_json(PyObject* wrapper, std::string& out, const TypeMap* own) {
  const nb::object value = nb::steal(PyObject_GetAttrString(wrapper, "obj"));
  const nb::object own_dumps = nb::steal(PyObject_GetAttrString(wrapper, "dumps"));
  if (!value.is_valid() || !own_dumps.is_valid()) throw nb::python_error();
  PyObject* const dumps = own_dumps.is_none() ? json_dumps_of(own) : own_dumps.ptr();
  append_json(checked(PyObject_CallOneArg(dumps, value.ptr())).ptr(), out);
  return is_instance(wrapper, imported().jsonb) ? oid::jsonb : oid::json;
}

/// A dict has no type, so that it fits a json column as well as a jsonb one.
Oid write_dict(PyObject* value, std::string& out, const TypeMap* types) {
  append_json(checked(PyObject_CallOneArg(json_dumps_of(types), value)).ptr(), out);
  return oid::inferred;
}

Oid write(PyObject* value, std::string& out, const TypeMap* types);

Oid write_range(PyObject* range, std::string& out, const TypeMap* types) {
  const nb::handle self(range);
  if (nb::cast<bool>(self.attr("isempty"))) {
    out += "empty";
    return oid::inferred;
  }
  const nb::object bounds = self.attr("bounds");
  const std::string_view brackets = utf8_of(bounds.ptr());
  Oid type = oid::inferred;
  std::string text;
  const auto add_bound = [&](const char* name) {
    const nb::object bound = self.attr(name);
    if (bound.is_none()) return;
    text.clear();
    const Oid of_bound = write(bound.ptr(), text, types);
    if (!PyLong_Check(bound.ptr())) type = copg::detail::range_over(of_bound);
    append_quoted(text, out);
  };
  out += brackets.front();
  add_bound("lower");
  out += ',';
  add_bound("upper");
  out += brackets.back();
  return type;
}

Oid write_multirange(PyObject* multirange, std::string& out, const TypeMap* types) {
  Oid type = oid::inferred;
  out += '{';
  bool first = true;
  for (const nb::handle range : nb::borrow(multirange)) {
    if (!first) out += ',';
    first = false;
    if (const Oid of_range = write_range(range.ptr(), out, types); of_range != oid::inferred) type = of_range;
  }
  out += '}';
  return copg::detail::multirange_over(type);
}

/// The one type of all elements of a list, or what nobody has said yet.
class ElementType {
 public:
  void add(Oid type, PyObject* element) {
    if (!first_ ||
        (is_whole_number(type) && is_whole_number(type_) && number_ == (PyLong_Check(element) != 0))) {
      type_ = first_ ? wider_number(type_, type) : type;
    } else if (type != type_) {
      throw DataError(fmt::format("a list of mixed types can't be sent: it has {} beside {}",
                                  Py_TYPE(element)->tp_name,
                                  type_ == oid::inferred ? "str" : type_name(type_)));
    }
    number_ = PyLong_Check(element) != 0;
    first_ = true;
  }
  [[nodiscard]] Oid array(const TypeMap* types) const {
    if (types == nullptr || type_ == oid::inferred) return array_type_of(type_);
    return types->array_over(type_);
  }

 private:
  bool first_ = false;  // an element has come
  bool number_ = false;
  Oid type_ = oid::inferred;
};

void write_elements(PyObject* list, std::string& out, ElementType& type, const TypeMap* types) {
  // A list inside itself would go on for ever.
  if (Py_EnterRecursiveCall(" while a list is sent as an array") != 0) throw nb::python_error();
  struct Leave {
    ~Leave() { Py_LeaveRecursiveCall(); }
  } const leave;
  std::string text;
  out += '{';
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    if (i > 0) out += ',';
    const nb::object element = nb::borrow(PyList_GET_ITEM(list, i));  // the list may change under us
    if (element.is_none()) {
      out += "NULL";
    } else if (PyList_Check(element.ptr())) {
      write_elements(element.ptr(), out, type, types);
    } else {
      text.clear();
      type.add(write(element.ptr(), text, types), element.ptr());
      append_quoted(text, out);
    }
  }
  out += '}';
}

Oid write_list(PyObject* list, std::string& out, const TypeMap* types) {
  ElementType type;
  write_elements(list, out, type, types);
  return type.array(types);
}

[[noreturn]] void reject_type(PyObject* value) {
  if (PyTuple_Check(value) || PyAnySet_Check(value)) {
    throw ProgrammingMistake(fmt::format(
        "a parameter of type {} can't be sent: give a list, and write = ANY(%s) where IN %s was meant",
        Py_TYPE(value)->tp_name));
  }
  throw ProgrammingMistake(
      fmt::format("a parameter of type {} can't be sent: convert it to a type that PostgreSQL has",
                  Py_TYPE(value)->tp_name));
}

/// A scalar or an array of numpy's, which need not be installed.
Oid write_numpy(PyObject* value, std::string& out, const TypeMap* types) {
  const nb::handle self(value);
  const std::string_view name = Py_TYPE(value)->tp_name;
  nb::object item;
  if (name == "numpy.ndarray") {
    item = self.attr("tolist")();
  } else if (name == "numpy.datetime64" || name == "numpy.timedelta64") {  // which may count nanoseconds
    item =
        self.attr("astype")(name == "numpy.datetime64" ? "datetime64[us]" : "timedelta64[us]").attr("item")();
  } else if (name == "numpy.float32" || name == "numpy.float16") {
    append_str_of(value, out);  // which has no more digits than it needs
    return oid::float4;
  } else {
    item = self.attr("item")();
  }
  if (item.type().is(self.type())) reject_type(value);
  if (item.is_none()) throw DataError("NaT can't be sent: PostgreSQL has no such time; send None");
  return write(item.ptr(), out, types);
}

bool is_of_numpy(PyObject* value) noexcept {
  return std::string_view(Py_TYPE(value)->tp_name).starts_with("numpy.");
}

Oid write_interval(PyObject* interval, std::string& out) {
  const nb::tuple parts = nb::borrow<nb::tuple>(interval);
  fmt::format_to(std::back_inserter(out), "{:+} mons {:+} days ", nb::cast<std::int64_t>(parts[0]),
                 nb::cast<std::int64_t>(parts[1]));
  Buffer time;  // not as a number of microseconds: PostgreSQL 14 reads none beyond 32 bits
  detail::encode_interval(nb::cast<std::int64_t>(parts[2]), time);
  out += time.view();
  return oid::interval;
}

Oid write_rare(PyObject* value, std::string& out, const TypeMap* own) {
  const Imported& types = imported();
  if (is_instance(value, types.decimal)) return write_decimal(value, out);
  if (is_instance(value, types.uuid)) {
    append_str_of(value, out);
    return oid::uuid;
  }
  if (is_instance(value, types.json)) return write_json(value, out, own);
  if (is_instance(value, types.range)) return write_range(value, out, own);
  if (is_instance(value, types.multirange)) return write_multirange(value, out, own);
  if (is_instance(value, types.interval)) return write_interval(value, out);
  if (is_instance(value, types.address_types)) {
    append_str_of(value, out);
    return oid::inet;
  }
  if (is_instance(value, types.network_types)) {
    append_str_of(value, out);
    return oid::cidr;
  }
  if (is_instance(value, types.enumeration)) {
    const nb::object name = checked(PyObject_GetAttrString(value, "name"));
    if (name.is_none())  // a Flag without members
      throw DataError(
          fmt::format("an {} without a name can't be sent: send its value", Py_TYPE(value)->tp_name));
    out += text_without_nul(name.ptr());
    return oid::inferred;
  }
  if (is_of_numpy(value)) return write_numpy(value, out, own);
  reject_type(value);
}

/// The text of `value`, which is not None. Returns its type.
Oid write(PyObject* value, std::string& out, const TypeMap* types) {
  if (types != nullptr) {
    if (const Dumper* const dumper = types->dumper(Py_TYPE(value))) return dump(*dumper, value, out, *types);
    if (bool negative = false; types->infinite_as_max() && is_infinite_as_max(value, negative)) {
      std::string finite;  // only for its type
      const Oid type = write_datetime(value, finite);
      out += negative ? "-infinity" : "infinity";
      return type;
    }
  }
  // bool is an int to Python; members of IntEnum and StrEnum are ints and strings.
  if (PyBool_Check(value)) {
    out += value == Py_True ? 't' : 'f';
    return oid::boolean;
  }
  if (PyLong_Check(value)) return write_int(value, out);
  if (PyUnicode_Check(value)) {
    out += text_without_nul(value);
    return oid::inferred;
  }
  if (PyFloat_Check(value)) return write_float(value, out);
  if (PyList_Check(value)) return write_list(value, out, types);
  if (const Oid type = write_datetime(value, out); type != oid::inferred) return type;
  if (PyBytes_Check(value) || PyByteArray_Check(value) || PyMemoryView_Check(value))
    return write_bytes(value, out);
  if (PyDict_Check(value)) return write_dict(value, out, types);
  return write_rare(value, out, types);
}

}  // namespace

bool is_whole_number(Oid type) noexcept {
  return type == oid::int2 || type == oid::int4 || type == oid::int8 || type == oid::numeric;
}

Oid wider_number(Oid a, Oid b) noexcept {
  const auto rank = [](Oid type) {
    return type == oid::numeric ? 4
           : type == oid::int8  ? 3
           : type == oid::int4  ? 2
           : type == oid::int2  ? 1
                                : 0;
  };
  return rank(a) > rank(b) ? a : b;
}

Oid write_value(PyObject* value, std::string& out, const TypeMap* types) { return write(value, out, types); }

std::string literal_of(PyObject* value) {
  if (value == Py_None) return "NULL";
  std::string text;
  const Oid type = write(value, text, nullptr);
  if (type == oid::boolean) return value == Py_True ? "true" : "false";
  // The space keeps a minus in front of it from making a comment of it.
  if (PyLong_Check(value) && is_whole_number(type)) return text.front() == '-' ? ' ' + text : text;
  // Where a backslash stands, the server's standard_conforming_strings would decide; E'' is read in one way.
  std::string literal = text.find('\\') == std::string::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += c;
    literal += c;
  }
  literal += '\'';
  if (type != oid::inferred) literal += "::" + type_name(type);
  return literal;
}

void add_parameter(PyObject* value, Params& out, const TypeMap* types, Oid floor) {
  if (value == Py_None) {
    out.add(nullptr);
  } else if (PyUnicode_CheckExact(value)) {
    out.add(utf8_of(value));  // which looks for a NUL itself
  } else if (PyBytes_Check(value) || PyByteArray_Check(value) || PyMemoryView_Check(value)) {
    out.add(Bytes(value).all());
  } else {
    std::string text;
    Oid type = write(value, text, types);
    if (is_whole_number(type) && PyLong_Check(value)) type = wider_number(floor, type);
    out.add(TypedText{text, type});
  }
}

void append_copy_value(PyObject* value, std::string& out, const TypeMap* types) {
  if (value == Py_None) {
    out += copg::detail::copy_null;
  } else if (PyLong_CheckExact(value)) {
    write_int(value, out);
  } else if (PyUnicode_CheckExact(value)) {
    copg::detail::append_copy_value(text_without_nul(value), out);
  } else if (PyFloat_CheckExact(value)) {
    write_float(value, out);
  } else {
    const std::size_t begin = out.size();
    write(value, out, types);
    // Few texts have anything to escape: those that do are written again.
    if (!copg::detail::needs_copy_escape(std::string_view(out).substr(begin))) return;
    const std::string text = out.substr(begin);
    out.resize(begin);
    copg::detail::append_copy_value(text, out);
  }
}

}  // namespace python
}  // namespace copg
