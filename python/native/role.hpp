// What `on` takes: which server of several is meant. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/role.hpp>

namespace copg::python {

namespace nb = nanobind;

/// Where the calls of a pool go, if it has several hosts.
struct Wish {
  Role role = Role::primary;
  RoleOptions options{};
};

/// "primary", "replica" or "any". ValueError, TypeError.
[[nodiscard]] Role role_of(nb::handle given);
/// `max_lag`: seconds, or None. `if_unfit`: "wait", "primary" or "fail". ValueError, TypeError.
[[nodiscard]] RoleOptions role_options_of(nb::handle max_lag, nb::handle if_unfit, nb::handle patience);

}  // namespace copg::python
