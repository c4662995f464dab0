// What the state of a leased connection means for its next statement: one answer for all shells.
#pragma once

#include "pq/connection.hpp"
#include "pq/execute_operation.hpp"

namespace copg::engine {

/// Whether BEGIN travels with the next statement. `transactions`: Transaction objects that are active.
[[nodiscard]] inline pq::BeginFirst begin_first(const pq::Connection& connection, bool autocommit,
                                                int transactions) noexcept {
  const bool wanted = !autocommit || transactions > 0;
  return wanted && !connection.in_transaction() ? pq::BeginFirst::yes : pq::BeginFirst::no;
}

}  // namespace copg::engine
