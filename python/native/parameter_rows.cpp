// Batches. A row whose numbers are smaller than those before it is sent with their types, so that a change of
// type, for which the server parses anew, happens at most three times for each parameter.
#include "python/native/parameter_rows.hpp"

#include <copg/error.hpp>

#include <fmt/format.h>

#include <utility>

#include "python/native/adapt.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/gil.hpp"

namespace copg::python {
namespace {

/// After Python has refused to iterate.
[[noreturn]] void reject_source(nb::handle iterable) {
  const nb::python_error refusal;
  if (PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(iterable.ptr())), "__aiter__") == 0)
    throw refusal;
  throw nb::type_error(
      "an asynchronous iterable can't be read here: give a list, or use AsyncPooledDatabase");
}

}  // namespace

nb::object iterator_of(nb::handle iterable) {
  nb::object iterator = nb::steal(PyObject_GetIter(iterable.ptr()));
  if (!iterator.is_valid()) reject_source(iterable);
  return iterator;
}

ParameterRows::ParameterRows(std::shared_ptr<const KnownText> text, nb::handle iterable, TypesNow types)
    : text_(std::move(text)), types_(std::move(types)), iterator_(iterator_of(iterable)) {
  fetch();
}

bool ParameterRows::add(PyObject* params) {
  if (left() == 0) clear();
  take(params);
  return is_full();
}

void ParameterRows::clear() noexcept {
  batch_.clear();
  next_ = 0;
  bytes_ = 0;
}

void ParameterRows::take(PyObject* params) {
  Params row;
  add_row(params, row);
  widen(row);
  for (int i = 0; i < row.size(); ++i) bytes_ += static_cast<std::size_t>(row.lengths()[i]);
  batch_.push_back(std::move(row));
}

void ParameterRows::fetch() {
  clear();
  while (!ended_ && !is_full()) {
    const nb::object params = nb::steal(PyIter_Next(iterator_.ptr()));
    if (!params.is_valid()) {
      if (PyErr_Occurred() != nullptr) throw nb::python_error();
      ended_ = true;
      break;
    }
    take(params.ptr());
  }
}

/// What is wrong with a row is told with its index, as the server's errors are.
void ParameterRows::add_row(PyObject* params, Params& row) {
  const std::size_t index = taken_++;
  try {
    add_parameters(*text_, params, row, types_.get(), floors_);
  } catch (const ProgrammingMistake& mistake) {
    throw ProgrammingMistake(fmt::format("row {}: {}", index, mistake.what()));
  } catch (const DataError& error) {
    ErrorInfo info = error.info();
    info.row_index = static_cast<std::int64_t>(index);
    throw DataError(std::move(info));
  } catch (Undumped& failed) {
    failed.what = fmt::format("row {}: {}", index, failed.what);
    failed.raise();
  }
}

void ParameterRows::widen(const Params& row) {
  floors_.resize(static_cast<std::size_t>(row.size()), oid::inferred);
  for (std::size_t i = 0; i < floors_.size(); ++i) floors_[i] = wider_number(floors_[i], row.types()[i]);
}

bool ParameterRows::next(Params& row) {
  if (next_ == batch_.size()) {
    if (ended_) return false;
    const WithGil gil;
    fetch();
    if (batch_.empty()) return false;
  }
  std::swap(row, batch_[next_++]);
  return true;
}

}  // namespace copg::python
