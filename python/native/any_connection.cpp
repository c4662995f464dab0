#include "python/native/any_connection.hpp"

#include <nanobind/stl/string.h>

#include <utility>

#include "python/native/binding.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/imported.hpp"
#include "python/native/options.hpp"
#include "python/native/raised.hpp"

namespace copg::python {

AnyConnection::AnyConnection(nb::handle pool, nb::handle timeout, nb::handle row_factory)
    : row_kind(row_factory, "row_factory"),
      timeout_(timeout),
      pool_object_(nb::borrow(pool)),
      pool_(nb::cast<AnyPool&>(pool)) {}

void AnyConnection::warn_unless_given_back() const noexcept {
  if (given_back()) return;
  // A destructor may run while an exception is on its way.
  nb::object raised = take_raised();
  if (PyErr_WarnFormat(PyExc_ResourceWarning, 1,
                       "a connection was never given back to pool '%s' (leased at %s:%u)",
                       pool_.name().c_str(), leased_at_.file_name(), leased_at_.line()) != 0)
    PyErr_WriteUnraisable(nullptr);
  raise_again(std::move(raised));
}

namespace {

int traverse_connection(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<AnyConnection>(self)->traverse(visit, arg) : 0;
}

}  // namespace

/// What a pool was given, such as its check, may know a connection of its: the ring is cut at the pool's
/// attributes.
PyType_Slot connection_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_connection)},
                                  {0, nullptr}};

void bind_any_connection(nb::module_& module) {
  nb::class_<AnyConnection>(module, "AnyConnection", nb::is_weak_referenceable(),
                            nb::type_slots(connection_slots))
      .def_prop_ro("pool", &AnyConnection::pool_object)
      .def_prop_rw(
          "row_factory", [](const AnyConnection& self) { return self.row_kind.given(); },
          [](AnyConnection& self, nb::handle given) { self.row_kind = RowKind(given, "row_factory"); },
          nb::for_setter(bind::any))
      .def_prop_ro("closed", &AnyConnection::closed, doc::AnyConnection_closed)
      .def_prop_ro("_given_back", &AnyConnection::given_back)
      .def_prop_rw(
          "timeout", [](AnyConnection& self) { return self.call_timeout().count(); },
          [](AnyConnection& self, nb::handle limit) {
            self.set_call_timeout(Seconds(seconds_of(limit, "timeout")));
          },
          nb::for_setter(bind::any), doc::AnyConnection_timeout)
      .def_prop_rw(
          "name", [](const AnyConnection& self) { return self.lease_name(); },
          [](AnyConnection& self, nb::handle name) { self.set_lease_name(text_of(name, "name")); },
          nb::for_setter(bind::any), doc::AnyConnection_name)
      .def_rw("_ends_by_timeout", &AnyConnection::ends_by_timeout)
      .def_prop_ro("_limit_s", [](const AnyConnection& self) { return self.limit().count(); })
      .def_prop_ro("_backend_pid", &AnyConnection::backend_pid)
      .def_prop_ro("_server_version", &AnyConnection::server_version)
      .def_prop_ro("_transaction_status", [](AnyConnection& self) { return for_python(self.status()); })
      .def(
          "_parameter_status",
          [](AnyConnection& self, nb::handle name) { return self.parameter_status(text_of(name, "name")); },
          bind::any);
}

}  // namespace copg::python
