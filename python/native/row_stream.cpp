// The rows of a chunk are made at once, as those of any result. Taken rows are let go of, so that one that
// its reader has dropped leaves its memory to the next.
#include "python/native/row_stream.hpp"

#include <utility>

#include "python/native/any_connection.hpp"
#include "python/native/binding.hpp"
#include "python/native/connection.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/explain.hpp"
#include "python/native/statement.hpp"
#include "python/native/with_types.hpp"

namespace copg::python {
namespace {

std::size_t chunk_size_of(nb::handle given) {
  constexpr auto most = static_cast<long long>(engine::OpenStream::max_chunk_rows);
  const long long size = PyLong_Check(given.ptr()) != 0 ? PyLong_AsLongLong(given.ptr()) : 0;
  if (PyErr_Occurred() != nullptr) PyErr_Clear();
  if (size < 1 || size > most) throw nb::value_error("size: a chunk has 1 to 1000000 rows");
  return static_cast<std::size_t>(size);
}

std::shared_ptr<engine::OpenStream> open_stream(nb::handle sql, nb::handle params, std::size_t size,
                                                const TypeMap* types) {
  const Statement statement(sql.ptr(), params.ptr(), types);
  return std::make_shared<engine::OpenStream>(
      copg::detail::Request::make(Sql(statement.text()), statement.params()), size);
}

}  // namespace

Stream::Stream(nb::handle connection, nb::handle sql, nb::handle params, nb::handle size, nb::handle timeout,
               nb::handle row)
    : connection_(nb::borrow(connection)),
      sql_(nb::borrow(sql)),
      params_(nb::borrow(params)),
      timeout_(nb::borrow(timeout)),
      kind_(row.is_none() ? nb::cast<AnyConnection&>(connection).row_kind : RowKind(row, "row")),
      size_(chunk_size_of(size)) {
  try {
    stream_ = open_stream(sql, params, size_, nb::cast<AnyConnection&>(connection).types().now().get());
  } catch (const Undumped& failed) {
    if (!failed.missing) throw;
    unsent_ = true;
  }
}

PyObject* Stream::take_row() noexcept {
  try {
    const std::size_t at = at_++;
    if (!made_.is_valid()) {
      const auto rows = rows_;
      return rows->row(at, kind_).release().ptr();
    }
    const auto index = static_cast<Py_ssize_t>(at);
    PyObject* const row = PyList_GET_ITEM(made_.ptr(), index);
    PyList_SET_ITEM(made_.ptr(), index, nullptr);  // the list is nobody else's, and may have holes
    return row;
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

std::shared_ptr<engine::OpenStream> Stream::to_be_read() {
  if (unsent_)
    stream_ = open_stream(sql_, params_, size_, nb::cast<AnyConnection&>(connection_).types().now().get());
  unsent_ = false;
  if (!stream_) throw UsageError("this stream was closed");
  return stream_->over() ? nullptr : stream_;
}

std::vector<Oid> Stream::keep(Result chunk) {
  made_.reset();
  at_ = 0;
  rows_ = std::make_shared<ResultRows>(std::move(chunk), nb::cast<AnyConnection&>(connection_).types().now());
  std::vector<Oid> unknown = rows_->unknown_types();
  if (unknown.empty()) make_rows();
  return unknown;
}

void Stream::make_rows() {
  const auto rows = rows_;
  if (!rows) return;
  if (!rows->unknown_types().empty()) rows->set_types(nb::cast<AnyConnection&>(connection_).types().now());
  try {
    nb::object made = rows->fetch(0, rows->size(), kind_);
    PyObject_GC_UnTrack(made.ptr());  // it may have holes
    made_ = std::move(made);
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_Exception)) throw;
  }  // else its reader is told at that row
}

void Stream::close() noexcept {
  stream_.reset();
  unsent_ = false;
  rows_.reset();
  made_.reset();
}

int Stream::traverse(visitproc visit, void* arg) const {
  Py_VISIT(connection_.ptr());
  Py_VISIT(params_.ptr());
  return kind_.traverse(visit, arg);
}

namespace {

/// True: there are rows now.
bool read_on(Stream& self) {
  const auto look_up = [&](const std::vector<Oid>& unknown) {
    self.connection().attr("_look_up_types")(list_of_types(unknown), self.timeout());
  };
  if (nb::cast<AnyConnection&>(self.connection()).types().stale()) look_up({});
  const auto stream = self.to_be_read();
  if (stream == nullptr) return false;
  const auto unknown = in_words_of(self.sql().ptr(), self.params().ptr(), [&] {
    return self.keep(nb::cast<Connection&>(self.connection()).next_chunk(stream, self.timeout()));
  });
  if (!unknown.empty()) {
    look_up(unknown);
    self.make_rows();
  }
  return self.has_row();
}

/// -1: error, 0: no, 1: yes.
int read_on_of(PyObject* self) noexcept {
  PyObject* const answer = PyObject_CallMethod(self, "_read_on", nullptr);
  if (answer == nullptr) return -1;
  const bool more = answer == Py_True;
  Py_DECREF(answer);
  return more ? 1 : 0;
}

PyObject* streamed_row(PyObject* self) noexcept {
  Stream& stream = *nb::inst_ptr<Stream>(self);
  if (!stream.has_row() && read_on_of(self) != 1) return nullptr;
  return stream.take_row();
}

PyObject* give_itself(PyObject* self) noexcept {
  Py_INCREF(self);
  return self;
}

/// What `async for` awaits where a row is at hand: it gives it at once.
struct AtHand {
  PyObject_HEAD PyObject* row;
};

PyObject* give_row(PyObject* self) noexcept {
  return std::exchange(reinterpret_cast<AtHand*>(self)->row, nullptr);
}

PyObject* stop_with_row(PyObject* self) noexcept {
  PyObject* const row = give_row(self);
  if (row == nullptr) return nullptr;
  PyObject* const stop = PyObject_CallFunctionObjArgs(PyExc_StopIteration, row, nullptr);
  Py_DECREF(row);
  if (stop != nullptr) {
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
  }
  return nullptr;
}

#if PY_VERSION_HEX >= 0x030A0000
PySendResult send_row(PyObject* self, PyObject* /*value*/, PyObject** out) noexcept {
  *out = give_row(self);
  if (*out != nullptr) return PYGEN_RETURN;
  PyErr_SetString(PyExc_RuntimeError, "this row was awaited already");
  return PYGEN_ERROR;
}
#endif

void drop_at_hand(PyObject* self) noexcept {
  PyTypeObject* const type = Py_TYPE(self);
  Py_XDECREF(reinterpret_cast<AtHand*>(self)->row);
  PyObject_Free(self);
  Py_DECREF(type);
}

PyType_Slot at_hand_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(drop_at_hand)},
                               {Py_am_await, reinterpret_cast<void*>(give_itself)},
                               {Py_tp_iter, reinterpret_cast<void*>(give_itself)},
                               {Py_tp_iternext, reinterpret_cast<void*>(stop_with_row)},
#if PY_VERSION_HEX >= 0x030A0000
                               {Py_am_send, reinterpret_cast<void*>(send_row)},
#endif
                               {0, nullptr}};
PyType_Spec at_hand_spec = {"pycopg._native.RowAtHand", sizeof(AtHand), 0, Py_TPFLAGS_DEFAULT, at_hand_slots};
PyTypeObject* at_hand_type = nullptr;

PyObject* next_row_awaited(PyObject* self) noexcept {
  Stream& stream = *nb::inst_ptr<Stream>(self);
  if (!stream.has_row()) return PyObject_CallMethod(self, "_next_row", nullptr);
  PyObject* const row = stream.take_row();
  if (row == nullptr) return nullptr;
  auto* const at_hand = PyObject_New(AtHand, at_hand_type);
  if (at_hand == nullptr) {
    Py_DECREF(row);
    return nullptr;
  }
  at_hand->row = row;
  return reinterpret_cast<PyObject*>(at_hand);
}

int traverse_stream(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<Stream>(self)->traverse(visit, arg) : 0;
}

PyType_Slot stream_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_stream)}, {0, nullptr}};
PyType_Slot blocking_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_stream)},
                                {Py_tp_iter, reinterpret_cast<void*>(give_itself)},
                                {Py_tp_iternext, reinterpret_cast<void*>(streamed_row)},
                                {0, nullptr}};
PyType_Slot awaited_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_stream)},
                               {Py_am_aiter, reinterpret_cast<void*>(give_itself)},
                               {Py_am_anext, reinterpret_cast<void*>(next_row_awaited)},
                               {0, nullptr}};

class BlockingStream final : public Stream {
 public:
  using Stream::Stream;
};
class AwaitedStream final : public Stream {
 public:
  using Stream::Stream;
};
using MadeOf = nb::init<nb::handle, nb::handle, nb::handle, nb::handle, nb::handle, nb::handle>;

}  // namespace

void bind_row_stream(nb::module_& module) {
  at_hand_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&at_hand_spec));
  if (at_hand_type == nullptr) throw nb::python_error();
  nb::class_<Stream>(module, "Stream", nb::is_weak_referenceable(), nb::type_slots(stream_slots))
      .def_prop_ro("connection", &Stream::connection)
      .def_prop_ro("_timeout", &Stream::timeout)
      .def("_close", &Stream::close);
  nb::class_<BlockingStream, Stream>(module, "BlockingStream", nb::type_slots(blocking_slots))
      .def(MadeOf(), nb::arg(), nb::arg(), bind::any, nb::arg(), bind::any, bind::any, bind::inside)
      .def(
          "_read_on", [](BlockingStream& self) { return read_on(self); }, bind::inside);
  nb::class_<AwaitedStream, Stream>(module, "AwaitedStream", nb::type_slots(awaited_slots))
      .def(MadeOf(), nb::arg(), nb::arg(), bind::any, nb::arg(), bind::any, bind::any, bind::inside)
      .def("_has_row", [](const AwaitedStream& self) { return self.has_row(); })
      .def("_take_row", [](AwaitedStream& self) {
        PyObject* const row = self.take_row();
        if (row == nullptr) throw nb::python_error();
        return nb::steal(row);
      });
}

}  // namespace copg::python
