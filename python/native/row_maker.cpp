// An object of a plain dataclass is made without its constructor, which is what makes it as cheap as a
// dictionary: pycopg/rows.py has found that the constructor does nothing but set the attributes.
#include "python/native/row_maker.hpp"

#include <nanobind/stl/string.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "python/native/imported.hpp"
#include "python/native/raised.hpp"
#include "python/native/result_rows.hpp"

namespace copg::python {
namespace {

/// A class, or whatever else was given.
std::string shown(nb::handle target) {
  return nb::cast<std::string>(nb::str(nb::getattr(target, "__qualname__", nb::repr(target))));
}

/// An empty tuple.
PyObject* no_arguments() {
  static PyObject* const empty = checked(PyTuple_New(0)).release().ptr();
  return empty;
}

/// What went wrong is the target's own error; the note says where, from Python 3.11 on.
[[noreturn, gnu::cold]] void throw_noted(int row, nb::handle target, const std::string& effect) {
  nb::object raised = take_raised();
  if (nb::hasattr(raised, "add_note"))
    raised.attr("add_note")(
        fmt::format("while row {} of the result became {}{}", row, shown(target), effect));
  raise_again(std::move(raised));
  throw nb::python_error();
}

}  // namespace

RowMaker::RowMaker(const ResultRows& rows, const RowKind& kind) : rows_(rows), form_(kind.form()) {
  if (!rows.returns_rows()) return;
  if (form_ == RowKind::Form::scalar) {
    rows.require_a_column();
  } else if (form_ == RowKind::Form::named_tuple) {
    type_ = named_tuple_of(rows.names_as_tuple());
  } else if (form_ == RowKind::Form::target) {
    type_ = kind.given();
    target_ = kind.target();
    aim(*target_);
  }
}

void RowMaker::aim(const RowTarget& target) {
  how_ = target.how;
  runs_no_python_ = how_ == RowTarget::How::fields || how_ == RowTarget::How::named_tuple;
  if (how_ == RowTarget::How::in_order) return;
  const std::span<const nb::object> names = rows_.names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      if (names[i].is(names[j])) reject(target, true);
  }
  take_fields(target);
  if (how_ == RowTarget::How::keywords) keywords_ = rows_.names_as_tuple();
}

/// Names are interned: those of columns and those of fields.
void RowMaker::take_fields(const RowTarget& target) {
  const std::span<const nb::object> names = rows_.names();
  std::size_t taken = 0;
  sources_.reserve(target.fields.size());
  for (const RowTarget::Field& field : target.fields) {
    const auto found =
        std::ranges::find_if(names, [&](const nb::object& name) { return name.is(field.name); });
    const bool there = found != names.end();
    if (!there && field.without == RowTarget::Without::refused) reject(target, false);
    taken += there ? 1 : 0;
    if (!there && field.without == RowTarget::Without::made) runs_no_python_ = false;
    sources_.push_back({field.name.ptr(), there ? static_cast<std::size_t>(found - names.begin()) : none,
                        field.fallback.ptr(), field.without == RowTarget::Without::made});
  }
  if (taken != names.size() && !target.open) reject(target, false);
}

/// Says all that is wrong at once.
void RowMaker::reject(const RowTarget& target, bool twice) const {
  std::string columns, unknown, lacking;
  const auto add = [](std::string& list, nb::handle name) {
    list += fmt::format("{}'{}'", list.empty() ? "" : ", ", nb::cast<std::string>(name));
  };
  const std::span<const nb::object> names = rows_.names();
  for (const nb::object& name : names) {
    add(columns, name);
    if (std::ranges::none_of(target.fields, [&](const auto& field) { return name.is(field.name); }))
      add(unknown, name);
  }
  for (const RowTarget::Field& field : target.fields) {
    if (field.without == RowTarget::Without::refused &&
        std::ranges::none_of(names, [&](const nb::object& name) { return name.is(field.name); }))
      add(lacking, field.name);
  }
  std::string message =
      fmt::format("rows of {} can't become {}:", columns.empty() ? "no columns" : columns, shown(type_));
  if (twice) {
    message += " two columns have one name";
  } else {
    if (target.open) unknown.clear();
    if (!unknown.empty()) message += fmt::format(" it has no field {}", unknown);
    if (!lacking.empty())
      message += fmt::format("{} no column is there for its {}", unknown.empty() ? "" : ", and", lacking);
  }
  rows_.fail(imported().programming_error, nb::str(message.c_str(), message.size()), {});
}

nb::object RowMaker::value_for(const Source& source, int row) const {
  if (source.column != none) return nb::steal(rows_.cell(row, source.column));
  if (!source.made) return nb::borrow(source.fallback);
  nb::object made = nb::steal(PyObject_CallNoArgs(source.fallback));
  if (!made.is_valid()) throw_noted(row, type_, rows_.effect());
  return made;
}

PyObject* RowMaker::make(int row) const {
  if (form_ == RowKind::Form::scalar) return rows_.cell(row, 0);
  if (form_ == RowKind::Form::named_tuple || how_ == RowTarget::How::named_tuple) return named_tuple(row);
  return how_ == RowTarget::How::fields ? object(row) : called(row);
}

PyObject* RowMaker::object(int row) const {
  auto* const type = reinterpret_cast<PyTypeObject*>(type_.ptr());
  nb::object result = checked(PyBaseObject_Type.tp_new(type, no_arguments(), nullptr));
  for (const Source& source : sources_) {
    const nb::object value = value_for(source, row);
    if (PyObject_GenericSetAttr(result.ptr(), source.name, value.ptr()) != 0)
      throw_noted(row, type_, rows_.effect());
  }
  return result.release().ptr();
}

PyObject* RowMaker::named_tuple(int row) const {
  auto* const type = reinterpret_cast<PyTypeObject*>(type_.ptr());
  const bool by_name = form_ == RowKind::Form::target;
  const auto count = static_cast<Py_ssize_t>(by_name ? sources_.size() : rows_.names().size());
  nb::object result = checked(type->tp_alloc(type, count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    PyTuple_SET_ITEM(result.ptr(), i,
                     by_name ? value_for(sources_[at], row).release().ptr() : rows_.cell(row, at));
  }
  return result.release().ptr();
}

PyObject* RowMaker::called(int row) const {
  constexpr std::size_t few = 16;
  const std::size_t count = rows_.names().size();
  std::array<PyObject*, few + 1> room;
  std::unique_ptr<PyObject*[]> more;
  PyObject** values = room.data();
  if (count > few) {
    more = std::make_unique<PyObject*[]>(count + 1);
    values = more.get();
  }
  struct Values {
    PyObject** first;
    std::size_t made = 0;
    ~Values() {
      while (made > 0) Py_DECREF(first[--made]);
    }
  } arguments{values + 1};  // the callee may use the place in front of them
  for (; arguments.made < count; ++arguments.made)
    arguments.first[arguments.made] = rows_.cell(row, arguments.made);
  const bool in_order = how_ == RowTarget::How::in_order;
  PyObject* const result = PyObject_Vectorcall(type_.ptr(), arguments.first,
                                               (in_order ? count : 0) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                               in_order ? nullptr : keywords_.ptr());
  if (result == nullptr) throw_noted(row, type_, rows_.effect());
  return result;
}

}  // namespace copg::python
