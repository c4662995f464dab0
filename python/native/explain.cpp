// What Python's placeholders are called, and where they stand.
#include "python/native/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "error/shown_sql.hpp"
#include "pq/advice.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/placeholders.hpp"
#include "python/native/raised.hpp"
#include "python/native/statement.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

std::string ordinal(int number) {
  const bool teen = number % 100 / 10 == 1;
  const char* const ending = teen               ? "th"
                             : number % 10 == 1 ? "st"
                             : number % 10 == 2 ? "nd"
                             : number % 10 == 3 ? "rd"
                                                : "th";
  return fmt::format("{}{}", number, ending);
}

class PythonWording final : public pq::Wording {
 public:
  PythonWording(std::string_view sql, const std::vector<RewrittenPlace>& places)
      : sql_(sql), places_(places) {}

  [[nodiscard]] std::string written(int number) const override {
    const RewrittenPlace* const place = find(number);
    return place == nullptr ? Wording::written(number)
                            : std::string(sql_.substr(place->written, place->written_size));
  }
  [[nodiscard]] std::string which(int number) const override {
    const RewrittenPlace* const place = find(number);
    const bool only = std::ranges::none_of(places_, [](const RewrittenPlace& any) { return any.number > 1; });
    const std::string text = written(number);
    if (place == nullptr || only || text.starts_with("%(")) return text;
    const std::string_view head = sql_.substr(0, place->written);
    const std::size_t line_begin = head.rfind('\n') + 1;  // npos + 1 is 0
    return fmt::format("the {} {} (line {}, character {})", ordinal(number), text,
                       std::ranges::count(head, '\n') + 1,
                       character_at(sql_.substr(line_begin), place->written - line_begin));
  }
  [[nodiscard]] std::string list() const override { return "a list"; }
  [[nodiscard]] std::string on_copy() const override {
    return "Use copy_in or copy_out of a pool or a connection, or copy() of a connection.";
  }
  [[nodiscard]] std::string on_wrong_number() const override {
    return "Placeholders are %s and %(name)s, not $1; their values are given beside the query, in a list or "
           "a dict.";
  }
  [[nodiscard]] std::string on_percent() const override {
    return "A query without parameters is sent as it is: give them beside it, in a list or a dict.";
  }

 private:
  [[nodiscard]] const RewrittenPlace* find(int number) const {
    const auto found = std::ranges::find(places_, number, &RewrittenPlace::number);
    return found == places_.end() ? nullptr : &*found;
  }

  const std::string_view sql_;
  const std::vector<RewrittenPlace>& places_;
};

/// The value of $`number`; none if it can't be had any more.
nb::object value_of(const KnownText& known, PyObject* params, int number) {
  const auto index = static_cast<std::size_t>(number) - 1;
  PyObject* const value =
      known.text.style == RewrittenText::Style::named
          ? index < known.names.size() ? PyObject_GetItem(params, known.names[index].ptr()) : nullptr
          : PySequence_GetItem(params, static_cast<Py_ssize_t>(index));
  if (value == nullptr) PyErr_Clear();
  return nb::steal(value);
}

/// What is sent otherwise than was meant.
std::string advice_on_value(const ErrorInfo& info, const KnownText& known, PyObject* params) {
  const int number = pq::subject_of(info);
  if (number < 1 || params == nullptr) return {};
  const nb::object value = value_of(known, params, number);
  if (!value.is_valid()) return {};
  const bool about_json = info.message.find("json") != std::string::npos;
  if (PyList_Check(value.ptr()) && about_json)
    return "A list is sent as an array: for json and jsonb wrap it, as in Jsonb([...]).";
  if (PyDict_Check(value.ptr()) && !about_json && info.statement_position == 0)
    return "A dict is sent as JSON: use Jsonb(...) and a jsonb column; for hstore write hstore(%s::text[], "
           "%s::text[]), and give list(d) and list(d.values()).";
  return {};
}

/// The position in the text as it was given.
int position_in(std::string_view sql, const std::vector<RewrittenPlace>& places, const ErrorInfo& info) {
  const std::size_t sent = byte_of(info.query, info.statement_position);
  if (sent == std::string_view::npos) return 0;
  std::size_t written = sent;
  for (const RewrittenPlace& place : places) {
    if (place.sent > sent) break;
    const bool inside = sent < place.sent + place.sent_size;
    written =
        inside ? place.written : place.written + place.written_size + (sent - place.sent - place.sent_size);
  }
  return character_at(sql, written);
}

}  // namespace

void throw_explained(const Error& error, PyObject* sql, PyObject* params) {
  if (error.info().query.empty()) throw;
  ErrorInfo info = error.info();
  const bool many = params == nullptr;
  Composed given;
  if (!PyUnicode_Check(sql)) {
    given = composed(sql, many ? nb::make_tuple().ptr() : params);
    sql = given.sql.ptr();
    if (!many) params = given.params.ptr();
  }
  const std::string_view text = plain_text(sql);
  if (params == Py_None) {
    info.advice = pq::advice_on(info, PythonWording(text, {}));
    raise(std::move(info));
  }
  const auto known = known_text(sql);
  if (info.query != known->text.sql) throw;  // a statement of ours, such as the COMMIT
  const std::vector<RewrittenPlace> places = rewritten_places(text);
  info.advice = advice_on_value(info, *known, params);
  if (info.advice.empty()) info.advice = pq::advice_on(info, PythonWording(text, places));
  info.statement_position = position_in(text, places, info);
  info.query = text;
  raise(std::move(info));
}

}  // namespace copg::python
