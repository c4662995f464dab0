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
  lost_and_late,          ///< `close` cuts a run off at the moment when one of its statements is late.
  closed_and_dead,        ///< `close` takes a connection between a grant and the first byte, and it is dead.
  left_before_run,        ///< The driver of a run gives up before it goes on with the run.
  asked_inside,           ///< `close` takes a connection while its caller asks it something.
  lost_after_grant,  ///< cancel_unsent comes for a statement whose run it was to drive, and that is lost.
  late_in_queue,     ///< A driver is late, or cut off by `close`, and is in the queue by then.
  background_late,   ///< `close` ends the background, which is in the middle of something.
  background_ended,  ///< A `close` that was late has ended the background; another one waits for the end.
  loan_that_died,  ///< A connection that is lent to a function of the user's is found dead before it is used.
  late_passenger,  ///< A statement that travels with others is late: over which connection, no observer knew.
  heard_before_gap,  ///< A notification comes with the answer to LISTEN, after a connection was lost.
  woken_too_late,    ///< A call is woken whose event loop of Asio's has gone away.
  untold_lease,      ///< A lease comes back that its caller never took, so that no observer knows of it.
};

}  // namespace copg::engine
