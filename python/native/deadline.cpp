#include "python/native/deadline.hpp"

#include "python/native/binding.hpp"
#include "python/native/options.hpp"

namespace copg::python {

Timeout::Timeout(nb::handle given) {
  Deadline deadline;
  if (given.is_none()) return;
  if (PyFloat_CheckExact(given.ptr()) == 0 && nb::try_cast<Deadline>(given, deadline)) {
    deadline_ = deadline;
  } else {
    span_ = Seconds(timeout_of(given));
  }
}

std::optional<Deadline> Timeout::from_now() const { return span_ ? Deadline(*span_) : deadline_; }

std::optional<Seconds> Timeout::seconds() const { return deadline_ ? deadline_->left() : span_; }

void bind_deadline(nb::module_& module) {
  nb::class_<Deadline>(module, "Deadline")
      .def(
          "__init__",
          [](Deadline* self, nb::handle seconds) {
            new (self) Deadline(Seconds(seconds_of(seconds, "seconds")));
          },
          bind::any)
      .def("_left", [](const Deadline& self) { return self.left().count(); });
}

}  // namespace copg::python
