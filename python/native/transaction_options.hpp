// pycopg._native.TransactionOptions: what Python gives for a transaction.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/transaction_options.hpp>

namespace copg::python {

namespace nb = nanobind;

/// Null for None.
[[nodiscard]] inline const TransactionOptions* transaction_options_in(nb::handle given) {
  return given.is_none() ? nullptr : &nb::cast<const TransactionOptions&>(given);
}

void bind_transaction_options(nb::module_& module);

}  // namespace copg::python
