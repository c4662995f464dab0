// What the bindings of the module say again and again.
#pragma once

#include <nanobind/nanobind.h>

#include "python/native/interpreter_exit.hpp"

namespace copg::python::bind {

namespace nb = nanobind;

/// An argument of any kind, None as well: the bound function judges it.
inline const auto any = nb::arg().none();
/// See interpreter_exit.hpp.
inline constexpr nb::call_guard<NativeScope> inside;
/// Python owns what is returned.
inline constexpr auto owned = nb::rv_policy::take_ownership;

}  // namespace copg::python::bind
