// Why a connect has failed, in the words of the core.
#pragma once

#include "pool/types.hpp"
#include "pq/connect_settings.hpp"

namespace copg::engine {

[[nodiscard]] constexpr pool::ConnectFailure failure_of(pq::ConnectFailureKind kind) noexcept {
  switch (kind) {
    case pq::ConnectFailureKind::transient: return pool::ConnectFailure::transient;
    case pq::ConnectFailureKind::overloaded: return pool::ConnectFailure::overloaded;
    case pq::ConnectFailureKind::configuration: return pool::ConnectFailure::configuration;
    case pq::ConnectFailureKind::refused_near: return pool::ConnectFailure::refused_near;
  }
  return pool::ConnectFailure::transient;
}

}  // namespace copg::engine
