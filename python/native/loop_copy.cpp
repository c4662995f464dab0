#include "python/native/loop_copy.hpp"

#include <nanobind/stl/vector.h>

#include <cstdint>
#include <vector>

#include "python/native/binding.hpp"

namespace copg::python {

void bind_loop_copy(nb::module_& module) {
  nb::class_<LoopCopy>(module, "LoopCopy")
      .def(nb::init<nb::handle>(), bind::any)
      .def_prop_ro("takes_data", &LoopCopy::takes_data)
      .def_prop_ro("waiting", [](LoopCopy& self) { return !self.buffer().empty(); })
      .def(
          "add_row", [](LoopCopy& self, nb::handle row) { return self.buffer().add_row(row); }, bind::inside,
          bind::any)
      .def(
          "add_data",
          [](LoopCopy& self, nb::handle data) { return self.buffer().add_data(CopyData(data).bytes()); },
          bind::any)
      .def(
          "fill", [](LoopCopy& self, nb::handle iterator) { return self.buffer().fill_with_rows(iterator); },
          bind::inside)
      .def("set_types",
           [](LoopCopy& self, const std::vector<std::uint32_t>& types) {
             self.buffer().set_types({types.begin(), types.end()});
           })
      .def("end_binary", [](LoopCopy& self) { self.buffer().end_binary(); })
      .def_prop_ro("misfit",
                   [](LoopCopy& self) {
                     return self.buffer().misfit().is_valid() ? self.buffer().misfit() : nb::none();
                   })
      .def("follows", &LoopCopy::follows)
      .def("set_columns",
           [](LoopCopy& self, nb::handle names) { self.buffer().set_columns(nb::borrow(names)); });
}

}  // namespace copg::python
