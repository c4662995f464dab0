#include "python/native/cursor.hpp"

#include <nanobind/stl/optional.h>

#include <copg/error.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "python/native/binding.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/options.hpp"

namespace copg::python {

void Cursor::forget() {
  if (closed_) throw UsageError("this cursor is closed");
  rows_.reset();
  maker_.reset();
  row_count_ = -1;
  next_ = 0;
}

std::vector<Oid> Cursor::keep(ResultRows rows) {
  rows_ = std::make_shared<ResultRows>(std::move(rows));
  maker_.reset();
  row_count_ = rows_->row_count();
  return rows_->unknown_types();
}

void Cursor::set_types(TypesNow types) {
  if (rows_) rows_->set_types(std::move(types));
}

void Cursor::close() noexcept {
  rows_.reset();
  maker_.reset();
  closed_ = true;
}

Cursor::Rows Cursor::fetchable() const {
  if (closed_) throw UsageError("this cursor is closed");
  if (!returns_rows())
    throw ProgrammingMistake("there are no rows to fetch: no statement was executed, or it returns none");
  return rows_;
}

nb::object Cursor::make(const Rows& rows, std::size_t index) {
  if (kind_.is_plain()) return rows->row(index, kind_);
  if (!maker_) maker_ = std::make_shared<const KeptMaker>(KeptMaker{rows, RowMaker(*rows, kind_)});
  const std::shared_ptr<const KeptMaker> kept = maker_;
  return nb::steal(kept->maker.make(static_cast<int>(index)));
}

nb::object Cursor::fetch_one() {
  const Rows rows = fetchable();
  if (next_ >= rows->size()) return nb::none();
  nb::object row = make(rows, next_);
  ++next_;
  return row;
}

nb::object Cursor::fetch_until(std::size_t end) {
  const Rows rows = fetchable();
  end = std::min(end, rows->size());
  nb::object fetched = rows->fetch(next_, end, kind_);
  next_ = end;
  return fetched;
}

nb::object Cursor::fetch_many(std::int64_t count) {
  const std::size_t left = fetchable()->size() - next_;
  return fetch_until(next_ + std::min(left, static_cast<std::size_t>(std::max<std::int64_t>(count, 0))));
}

nb::object Cursor::fetch_all() { return fetch_until(fetchable()->size()); }

nb::object Cursor::row_number() const { return returns_rows() ? nb::object(nb::int_(next_)) : nb::none(); }

nb::object Cursor::notices() const { return rows_ ? rows_->notices() : nb::object(nb::list()); }
nb::object Cursor::columns() const { return returns_rows() ? rows_->columns() : nb::none(); }

nb::object Cursor::status() const { return rows_ ? rows_->status() : nb::none(); }

namespace {

std::array<PyObject*, 2> cursor_classes{};  // by CursorClass

nb::object next_row(Cursor& self) {
  nb::object row = self.fetch_one();
  if (row.is_none()) throw nb::stop_iteration();
  return row;
}

int traverse_cursor(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<Cursor>(self)->traverse(visit, arg) : 0;
}

PyType_Slot cursor_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_cursor)}, {0, nullptr}};

}  // namespace

nb::object make_cursor(CursorClass of, nb::handle connection, RowKind kind) {
  nb::object cursor = nb::inst_alloc(cursor_classes[static_cast<std::size_t>(of)]);
  new (nb::inst_ptr<Cursor>(cursor)) Cursor(connection, std::move(kind));
  nb::inst_mark_ready(cursor);
  return cursor;
}

void bind_cursor(nb::module_& module) {
  module.def("set_cursor_classes", [](nb::object of_threads, nb::object of_asyncio) {
    cursor_classes = {of_threads.release().ptr(), of_asyncio.release().ptr()};
  });
  nb::class_<Cursor>(module, "Cursor", nb::is_weak_referenceable(), nb::type_slots(cursor_slots))
      .def(
          "__init__",
          [](Cursor* self, nb::handle connection, nb::handle row_factory) {
            new (self) Cursor(connection, RowKind(row_factory, "row_factory"));
          },
          bind::any, bind::any)
      .def_prop_ro("connection", &Cursor::connection)
      .def_prop_ro("closed", &Cursor::closed)
      .def_rw("arraysize", &Cursor::array_size)
      .def_prop_rw(
          "row_factory", [](const Cursor& self) { return self.kind().given(); },
          [](Cursor& self, nb::handle given) { self.set_kind(RowKind(given, "row_factory")); },
          nb::for_setter(bind::any))
      .def_prop_ro("rowcount", &Cursor::row_count, doc::Cursor_rowcount)
      .def_prop_ro("rownumber", &Cursor::row_number, doc::Cursor_rownumber)
      .def_prop_ro("statusmessage", &Cursor::status, doc::Cursor_statusmessage)
      .def("_columns", &Cursor::columns)
      .def("_notices", &Cursor::notices)
      .def("_forget", &Cursor::forget)
      .def("_keep_count", &Cursor::keep_count)
      .def("_fetchone", &Cursor::fetch_one, bind::inside)
      .def(
          "_fetchmany",
          [](Cursor& self, std::optional<std::int64_t> size) {
            return self.fetch_many(size.value_or(self.array_size));
          },
          bind::inside, bind::any)
      .def("_fetchall", &Cursor::fetch_all, bind::inside)
      .def("_next", next_row, bind::inside)
      .def(
          "_all_rows",
          [](const Cursor& self) { return self.rows().fetch(0, self.rows().size(), self.kind()); },
          bind::inside)
      .def(
          "_first_row", [](const Cursor& self) { return self.rows().first(self.kind()); }, bind::inside)
      .def(
          "_first_value", [](const Cursor& self) { return self.rows().value(); }, bind::inside)
      .def("_close", &Cursor::close);
}

}  // namespace copg::python
