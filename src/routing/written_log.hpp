// What the primary had written when it was asked: a replica that has replayed so far has data at least as
// young as that question, whatever it says of itself.
//
// A replica judges its age by the messages of its primary, of which an idle one sends one in 30 s, and not at
// all to a role without pg_read_all_stats. No clock of a server is used here. Decides nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cluster/types.hpp"
#include "engine/clock.hpp"

namespace copg::routing {

class WrittenLog {
 public:
  /// What a primary has answered that was asked at `time`, which does not go back. Another history, or
  /// another start of the server, begins the log anew.
  void note(engine::TimePoint time, const cluster::Observation& primary);
  /// How old the data of a replica were at most, when it was asked at `time`; `forever`: it is not known.
  [[nodiscard]] engine::Duration age(engine::TimePoint time, const cluster::Observation& replica) const;

 private:
  struct Written {
    engine::TimePoint time{};
    cluster::Lsn position = 0;
  };

  std::array<Written, 32> entries_{};
  std::size_t count_ = 0;  // of all there were
  std::uint64_t system_ = 0;
  std::uint64_t instance_ = 0;
  std::uint32_t timeline_ = 0;
};

}  // namespace copg::routing
