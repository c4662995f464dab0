// The races of the engine that were found and mended, by name.
#pragma once

#include <cstdint>

namespace copg::engine {

enum class Mend : std::uint8_t {
  cancelled_after_grant,  ///< A call is cancelled that has been granted a connection, and was not told yet.
  woken_before_rest,      ///< What a call waits for comes before it has come to rest in the queue.
  sent_with_others,       ///< A call asks for no effect whose statement another's connection has sent.
  bounds_after_fork,      ///< A pool that was resized is forked.
  stopped_in_step,        ///< The deadline, or `close`, comes while a call is in a step.
  cut_in_queue,           ///< `close` cuts a connection off, and its driver is in the queue again by then.
  lost_and_late,          ///< `close` cuts a run off in the moment that one of its statements is late.
};

}  // namespace copg::engine
