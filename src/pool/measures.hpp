// What the core measures and counts by its reason. It only grows.
#pragma once

#include <copg/close_reason.hpp>
#include <copg/counts_by.hpp>
#include <copg/histogram.hpp>

#include "pool/types.hpp"

namespace copg::pool {

struct Measures {
  Histogram uses;                                       ///< Leases that have ended.
  Histogram operations;                                 ///< What the server was asked on behalf of callers.
  Histogram connects;                                   ///< Connects that have succeeded.
  Histogram resets;                                     ///< Resets, with success or without.
  CountsBy<WaitError, WaitError::lost> failures;        ///< Requests that ended without a connection.
  CountsBy<CloseReason, CloseReason::detached> closes;  ///< Open connections that were given up.
};

}  // namespace copg::pool
