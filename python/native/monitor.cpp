#include "python/native/monitor.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <copg/monitor.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "python/native/any_pool.hpp"
#include "python/native/binding.hpp"
#include "python/native/gil.hpp"

namespace copg::python {
namespace {

/// Its thread takes no lock of Python's, so that it may be waited for with the GIL or without.
void make_monitor(Monitor* self, std::optional<std::uint16_t> port, std::string address, std::string token,
                  bool show_texts, bool unix_socket, std::string program, double held_idle_after,
                  double unhealthy_wait) {
  const MonitorOptions options{.port = port,
                               .address = std::move(address),
                               .token = std::move(token),
                               .show_texts = show_texts,
                               .unix_socket = unix_socket,
                               .program = std::move(program),
                               .held_idle_after = Seconds(held_idle_after),
                               .unhealthy_wait = Seconds(unhealthy_wait)};
  without_gil([&] { new (self) Monitor(options); });
}

}  // namespace

void bind_monitor(nb::module_& module) {
  nb::class_<Monitor>(module, "Monitor")
      .def("__init__", make_monitor, nb::arg("port").none(), nb::arg("address"), nb::arg("token"),
           nb::arg("show_texts"), nb::arg("unix_socket"), nb::arg("program"), nb::arg("held_idle_after"),
           nb::arg("unhealthy_wait"))
      .def("add", [](Monitor& self, const AnyPool& pool) { self.add(PoolView(pool.engine())); })
      .def_prop_ro("port", &Monitor::port)
      .def_prop_ro("url", &Monitor::url)
      .def_prop_ro("socket_path", &Monitor::socket_path)
      .def("close", [](Monitor& self) { without_gil([&] { self.close(); }); });
}

}  // namespace copg::python
