// How an operation's end becomes an exception, for all shells.
#pragma once

#include <copg/error.hpp>

#include <exception>
#include <utility>

#include "pq/operation.hpp"

namespace copg::engine {

/// Throws what a source or a sink has thrown inside an operation, if anything.
inline void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

/// A function of its own, since few operations have an error and an ErrorInfo takes much of the stack.
[[noreturn, gnu::cold]] inline void raise_error(pq::ErrorPtr error) { raise(std::move(*error)); }

/// Throws the operation's error, if it has one.
inline void raise_error_of(pq::Operation& operation) {
  if (operation.error() != nullptr) raise_error(operation.take_error());
}

}  // namespace copg::engine
