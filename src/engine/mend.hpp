// The races of the engine that were found and mended, by name.
#pragma once

#include <cstdint>

namespace copg::engine {

enum class Mend : std::uint8_t {
  cancelled_after_grant,  ///< A call is cancelled after its grant, before it was told of that.
  woken_before_rest,      ///< The outcome of a call comes before the call has come to rest in the queue.
  sent_with_others,       ///< cancel_unsent comes for a statement that was sent over another's connection.
  bounds_after_fork,      ///< A pool that was resized is forked.
  stopped_in_step,        ///< The deadline, or `close`, comes while a call is in a step.
  cut_in_queue,           ///< `close` cuts a connection off whose driver is in the queue again by then.
  lost_and_late,          ///< `close` cuts a run off at the moment when one of its statements is late.
};

}  // namespace copg::engine
