// How `run` runs a body.
#pragma once

#include <copg/transaction_options.hpp>

#pragma GCC visibility push(default)
namespace copg {

/// For `run`, which runs its body in a transaction, and runs it again where that may help.
struct RunOptions {
  /// Of each attempt.
  TransactionOptions transaction{};
  /// How often the body is run at most. At least 1 (else UsageError).
  int attempts = 5;
};

}  // namespace copg
#pragma GCC visibility pop
