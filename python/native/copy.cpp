// Data are gathered with the GIL, and sent without it.
#include "python/native/copy.hpp"

#include <nanobind/stl/vector.h>

#include <copg/copy.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/calls/inspect.hpp"
#include "python/native/binding.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/connection.hpp"
#include "python/native/copy_buffer.hpp"
#include "python/native/deadline.hpp"
#include "python/native/explain.hpp"
#include "python/native/raised.hpp"
#include "python/native/statement.hpp"
#include "sql/text_traits.hpp"

namespace copg::python {
namespace {

class Copy {
 public:
  /// Begins nothing yet.
  Copy(nb::handle connection, nb::handle sql, nb::handle timeout)
      : connection_object_(nb::borrow(connection)),
        connection_(nb::cast<Connection&>(connection)),
        sql_(nb::borrow(sql)),
        timeout_(timeout) {}
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  /// One that is dropped half-way leaves its connection to the pool, which resets it.
  ~Copy() {
    if (copy_) copg::detail::LeaseAccess::abandon(*copy_);
  }

  void begin() {
    if (copy_) throw ProgrammingMistake("this COPY was begun before: make another with copy()");
    deadline_ = timeout_.from_now();
    const Statement statement(sql_.ptr(), Py_None, nullptr);
    if (connection_.types().stale())
      connection_object_.attr("_look_up_types")(nb::list(), deadline_ ? nb::cast(*deadline_) : nb::none());
    buffer_.set_own_types(connection_.types().now());
    in_words_of(sql_.ptr(), nullptr, [&] { copy_.emplace(connection_.copy(statement.text(), deadline_)); });
  }
  void write(nb::handle data) {
    copg::Copy& copy = begun();
    {
      const CopyData given(data);
      if (given.bytes().size() < CopyBuffer::enough) {
        if (!buffer_.add_data(given.bytes())) return;
      } else if (buffer_.empty()) {
        return call([&] { copy.write(given.bytes()); });
      } else {
        send();
        return call([&] { copy.write(given.bytes()); });
      }
    }
    send();
  }
  void write_row(nb::handle row) {
    begun();
    if (buffer_.add_row(row)) send();
  }
  /// All rows of an iterable. `columns`: a tuple of names, for rows that are dicts; None: there are none.
  /// `before`: rows of the same call that were sent by another COPY.
  void write_rows(nb::handle iterator, nb::handle columns, std::int64_t before) {
    begun();
    if (!columns.is_none()) buffer_.set_columns(nb::borrow(columns));
    buffer_.set_rows_before(before);
    copg::detail::LeaseAccess::follows(*copy_, before);
    while (buffer_.fill_with_rows(iterator)) send();
  }
  /// In binary format, as far as they fit. Returns the first row that does not; None: there is none.
  nb::object write_binary(nb::handle iterator, const std::vector<std::uint32_t>& types) {
    begun();
    buffer_.set_types({types.begin(), types.end()});
    while (buffer_.fill_with_rows(iterator) && !buffer_.misfit().is_valid()) send();
    buffer_.end_binary();
    return buffer_.misfit().is_valid() ? buffer_.misfit() : nb::none();
  }
  nb::object read() {
    copg::Copy& copy = begun();
    std::string_view piece;
    call([&] { piece = copy.read(); });
    return checked(PyBytes_FromStringAndSize(piece.data(), static_cast<Py_ssize_t>(piece.size())));
  }
  std::int64_t finish() {
    copg::Copy& copy = begun();
    if (!buffer_.empty()) send();
    std::int64_t rows = 0;
    call([&] { rows = copy.finish(); });
    return rows;
  }
  void cancel() {
    copg::Copy& copy = begun();
    buffer_.clear();
    call([&] { copy.cancel(); });
  }

  [[nodiscard]] bool takes_data() const {
    return sql::text_traits(Statement(sql_.ptr(), Py_None, nullptr).text()).copies_in;
  }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(connection_object_.ptr());
    return 0;
  }

 private:
  copg::Copy& begun() {
    if (!copy_) throw ProgrammingMistake("this COPY has not begun: use it in a with statement");
    return *copy_;
  }
  void send() {
    copg::Copy& copy = begun();
    call([&] { copy.write(buffer_.data()); });
    buffer_.clear();
  }
  template <class Call>
  void call(Call call) {
    in_words_of(sql_.ptr(), nullptr, [&] { connection_.in_copy(deadline_, call); });
  }

  const nb::object connection_object_;
  Connection& connection_;
  const nb::object sql_;
  const Timeout timeout_;
  std::optional<Deadline> deadline_;
  std::optional<copg::Copy> copy_;
  CopyBuffer buffer_;
};

int traverse_copy(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<Copy>(self)->traverse(visit, arg) : 0;
}

PyType_Slot copy_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_copy)}, {0, nullptr}};

}  // namespace

void bind_copy(nb::module_& module) {
  nb::class_<Copy>(module, "Copy", nb::type_slots(copy_slots))
      .def(nb::init<nb::handle, nb::handle, nb::handle>(), nb::arg(), bind::any, bind::any)
      .def_prop_ro("_takes_data", &Copy::takes_data)
      .def("_begin", &Copy::begin, bind::inside, nb::lock_self())
      .def("_write", &Copy::write, bind::inside, nb::lock_self(), bind::any)
      .def("_write_row", &Copy::write_row, bind::inside, nb::lock_self(), bind::any)
      .def("_write_rows", &Copy::write_rows, bind::inside, nb::lock_self(), nb::arg(), bind::any, nb::arg())
      .def("_write_binary", &Copy::write_binary, bind::inside, nb::lock_self())
      .def("_read", &Copy::read, bind::inside, nb::lock_self())
      .def("_finish", &Copy::finish, bind::inside, nb::lock_self())
      .def("_cancel", &Copy::cancel, bind::inside, nb::lock_self());
}

}  // namespace copg::python
