// The names of the columns are interned strings, shared by all rows.
#include "python/native/result_rows.hpp"

#include <libpq-fe.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "pq/errors.hpp"
#include "pq/result_access.hpp"
#include "python/native/imported.hpp"
#include "python/native/raised.hpp"
#include "python/native/row_maker.hpp"
#include "sql/text_hash.hpp"

namespace copg::python {
namespace {

nb::object made_interned(std::string_view name) {
  PyObject* text = PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "surrogateescape");
  if (text == nullptr) throw nb::python_error();
  PyUnicode_InternInPlace(&text);
  return nb::steal(text);
}

/// The names of columns that were met last. To make one, and to find it among Python's interned strings,
/// costs as much as to decode a row. Holds on to at most so many of them.
class KnownNames {
 public:
  nb::object interned(std::string_view name) {
    const nb::ft_lock_guard lock(mutex_);
    Known& known = at(name);
    if (known.name != name) known = {std::string(name), made_interned(name)};
    return known.object;
  }

 private:
  static constexpr std::size_t capacity = 1024;
  struct Known {
    std::string name{};
    nb::object object = made_interned({});
  };
  Known& at(std::string_view name) noexcept { return names_[sql::text_hash(name) % capacity]; }

  nb::ft_mutex mutex_;
  std::array<Known, capacity> names_;
};

/// Never destroyed: the interpreter may be gone by then.
KnownNames& known_names() {
  static auto* const instance = new KnownNames;
  return *instance;
}

/// Puts the garbage collector off until the rows are made, as Python 3.12 and newer do by themselves: all of
/// them live, and looking at the young ones every 700 rows costs more than to make them. Other threads wait
/// for the GIL meanwhile.
class CollectLater {
 public:
  static constexpr std::size_t pays_from = 100;  // rows

#if PY_VERSION_HEX >= 0x030A0000 && PY_VERSION_HEX < 0x030C0000
  explicit CollectLater(bool pays) noexcept : enabled_(pays && PyGC_Disable() != 0) {}
  CollectLater(const CollectLater&) = delete;
  CollectLater& operator=(const CollectLater&) = delete;
  ~CollectLater() {
    if (enabled_) PyGC_Enable();
  }

 private:
  const bool enabled_;
#else
  explicit CollectLater(bool /*pays*/) noexcept {}
#endif
};

}  // namespace

ResultRows::ResultRows(Result result, TypesNow types)
    : result_(std::move(result)), raw_(pq::ResultAccess::raw(result_)) {
  names_.reserve(result_.columns());
  columns_.reserve(result_.columns());
  KnownNames& names = known_names();
  for (std::size_t i = 0; i < result_.columns(); ++i) {
    const Oid type = result_.column_type(i);
    names_.push_back(names.interned(result_.column_name(i)));
    columns_.push_back({decoder_for(type), type});
  }
  if (types) set_types(std::move(types));
}

void ResultRows::set_types(TypesNow types) {
  for (CellReader& column : columns_)
    column = types ? types->reader(column.type) : CellReader{decoder_for(column.type), column.type};
  types_.swap(types);
}

std::vector<Oid> ResultRows::unknown_types() const {
  std::vector<Oid> unknown;
  if (!types_) return unknown;
  for (const CellReader& column : columns_)
    if (types_->is_unknown(column.type)) unknown.push_back(column.type);
  return unknown;
}

PyObject* ResultRows::cell(int row, std::size_t column) const {
  const int at = static_cast<int>(column);
  const int size = PQgetlength(raw_, row, at);
  if (size == 0 && PQgetisnull(raw_, row, at) != 0) {
    Py_INCREF(Py_None);
    return Py_None;
  }
  PyObject* const value = columns_[column]({PQgetvalue(raw_, row, at), static_cast<std::size_t>(size)});
  if (value == nullptr) reject(row, column);
  return value;
}

/// What a decoder raised becomes a DataError that names the column; what it was is the cause. For a type of
/// the program's own it names that, and the row, too.
void ResultRows::reject(int row, std::size_t column) const {
  nb::object cause = take_raised();
  if (!PyErr_GivenExceptionMatches(cause.ptr(), PyExc_Exception)) {  // KeyboardInterrupt, say
    raise_again(std::move(cause));
    throw nb::python_error();
  }
  nb::object message = checked(PyUnicode_FromFormat("column '%U': %S", names_[column].ptr(), cause.ptr()));
  if (types_ && columns_[column].loader != nullptr) {
    const std::string type(types_->name(columns_[column].type));
    message = checked(PyUnicode_FromFormat("row %d, column '%U' (type '%s'): %S", row, names_[column].ptr(),
                                           type.c_str(), cause.ptr()));
  }
  fail(imported().data_error, message, std::move(cause));
}

/// Raises an error of this class, which says what has become of the statement.
void ResultRows::fail(nb::handle type, const nb::object& message, nb::object cause) const {
  ErrorInfo info;
  pq::tell_effect(info, pq::ResultAccess::effect(result_), result_.command_tag());
  const nb::object error = type(message + nb::str(info.message.c_str()));
  if (info.executed) error.attr("executed") = true;
  if (info.committed) error.attr("committed") = true;
  if (cause.is_valid()) PyException_SetCause(error.ptr(), cause.release().ptr());
  PyErr_SetObject(type.ptr(), error.ptr());
  throw nb::python_error();
}

std::string ResultRows::effect() const {
  ErrorInfo info;
  pq::tell_effect(info, pq::ResultAccess::effect(result_), result_.command_tag());
  return info.message;
}

nb::object ResultRows::names_as_tuple() const {
  nb::object names = checked(PyTuple_New(static_cast<Py_ssize_t>(names_.size())));
  for (std::size_t i = 0; i < names_.size(); ++i)
    PyTuple_SET_ITEM(names.ptr(), static_cast<Py_ssize_t>(i), nb::object(names_[i]).release().ptr());
  return names;
}

PyObject* ResultRows::dict(int row, const KeySharingDicts& dicts) const {
  nb::object result = dicts.make();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const nb::object value = nb::steal(cell(row, i));
    if (PyDict_SetItem(result.ptr(), names_[i].ptr(), value.ptr()) != 0) throw nb::python_error();
  }
  return result.release().ptr();
}

PyObject* ResultRows::tuple(int row) const {
  nb::object result = checked(PyTuple_New(static_cast<Py_ssize_t>(columns_.size())));
  for (std::size_t i = 0; i < columns_.size(); ++i)
    PyTuple_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), cell(row, i));
  return result.release().ptr();
}

nb::object ResultRows::row(std::size_t index, const RowKind& kind) const {
  const int at = static_cast<int>(index);
  if (kind.form() == RowKind::Form::dict) return nb::steal(dict(at, KeySharingDicts(names_, 1)));
  return nb::steal(kind.form() == RowKind::Form::tuple ? tuple(at) : RowMaker(*this, kind).make(at));
}

nb::object ResultRows::first(const RowKind& kind) const {
  if (size() > 0) return row(0, kind);
  if (!kind.is_plain()) RowMaker(*this, kind);  // what does not fit is told without a row, too
  return nb::none();
}

/// The rows [begin, end), each made by `make`.
template <class Make>
nb::object ResultRows::list_of(std::size_t begin, std::size_t end, const Make& make) {
  nb::object list = checked(PyList_New(static_cast<Py_ssize_t>(end - begin)));
  for (std::size_t i = begin; i < end; ++i)
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i - begin), make(static_cast<int>(i)));
  return list;
}

nb::object ResultRows::fetch(std::size_t begin, std::size_t end, const RowKind& kind) const {
  if (end > size() || begin > end) throw nb::index_error("no such rows");
  if (kind.form() == RowKind::Form::dict) {
    const KeySharingDicts dicts(names_, end - begin);
    return list_of(begin, end, [&](int row) { return dict(row, dicts); });
  }
  const bool many = end - begin >= CollectLater::pays_from;
  if (kind.form() == RowKind::Form::tuple) {
    const CollectLater later(many);
    return list_of(begin, end, [this](int row) { return tuple(row); });
  }
  const RowMaker maker(*this, kind);
  const CollectLater later(many && maker.runs_no_python());
  return list_of(begin, end, [&](int row) { return maker.make(row); });
}

void ResultRows::require_a_column() const {
  if (!columns_.empty()) return;
  const std::string message =
      fmt::format("the rows of the statement ({}) have no column to fetch", result_.command_tag());
  fail(imported().programming_error, nb::str(message.c_str()), {});
}

nb::object ResultRows::value() const {
  if (size() == 0) return nb::none();
  require_a_column();
  return nb::steal(cell(0, 0));
}

std::int64_t ResultRows::row_count() const noexcept {
  if (returns_rows()) return static_cast<std::int64_t>(size());
  if (raw_ == nullptr) return -1;
  // Without a count the statement affects no rows by its nature: CREATE, SET, ...
  return *PQcmdTuples(const_cast<PGresult*>(raw_)) == '\0' ? -1 : result_.affected_rows();
}

nb::object ResultRows::notices() const {
  nb::list all;
  const auto text = [](std::string_view given) -> nb::object {
    if (given.empty()) return nb::none();
    return checked(PyUnicode_DecodeUTF8(given.data(), static_cast<Py_ssize_t>(given.size()), "replace"));
  };
  for (const Notice& it : result_.notices())
    all.append(nb::make_tuple(text(it.severity), text(it.sqlstate.text()), text(it.message), text(it.detail),
                              text(it.hint), text(it.context)));
  return all;
}

bool ResultRows::is_listen() const noexcept { return !returns_rows() && pq::command_tag(raw_) == "LISTEN"; }

nb::object ResultRows::status() const {
  const std::string_view tag = result_.command_tag();
  return tag.empty() ? nb::none() : nb::object(nb::str(tag.data(), tag.size()));
}

nb::object ResultRows::columns() const {
  nb::list result;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const int at = static_cast<int>(i);
    result.append(nb::make_tuple(names_[i], columns_[i].type, PQfsize(raw_, at), PQfmod(raw_, at)));
  }
  return result;
}

std::vector<ResultRows> rows_of_results(std::vector<Result> results, const TypesNow& types) {
  std::vector<ResultRows> all;
  for (Result& result : results) all.emplace_back(std::move(result), types);
  return all;
}

std::vector<Oid> unknown_types_of(const std::vector<ResultRows>& all) {
  std::vector<Oid> unknown;
  for (const ResultRows& rows : all) {
    for (const Oid type : rows.unknown_types())
      if (std::ranges::find(unknown, type) == unknown.end()) unknown.push_back(type);
  }
  return unknown;
}

nb::object list_of_rows(const std::vector<ResultRows>& all, const RowKind& kind) {
  if (all.empty()) return nb::list();
  nb::object list = all.front().fetch(0, all.front().size(), kind);
  for (std::size_t i = 1; i < all.size(); ++i) {
    const nb::object more = all[i].fetch(0, all[i].size(), kind);
    const Py_ssize_t end = PyList_GET_SIZE(list.ptr());
    if (PyList_SetSlice(list.ptr(), end, end, more.ptr()) != 0) throw nb::python_error();
  }
  return list;
}

std::optional<RowKind> returned_as(nb::handle returning, const RowKind& rows) {
  if (returning.is_none() || returning.is(Py_False)) return std::nullopt;
  if (returning.is(Py_True)) return rows;
  return RowKind(returning, "returning");
}

}  // namespace copg::python
