// A request that may be taken to another pool: nothing of it was sent.
#pragma once

#include <copg/error.hpp>

namespace copg::engine {

/// What chooses the pool catches it, and asks elsewhere; see PoolEngine::set_turns_away.
class TurnedAway final : public ConnectionFailed {
 public:
  using ConnectionFailed::ConnectionFailed;
};

}  // namespace copg::engine
