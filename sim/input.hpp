// One call into the pool core, as a plain value, and the text form in which traces are printed and replayed.
//
// Inputs name connections and waiters by their ids, so that deleting an input from a trace leaves the meaning
// of the others alone: an id that never came to be is only a stale id.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "pool/types.hpp"

namespace copg::sim {

enum class InputKind : std::uint8_t {
  acquire,              ///< `deadline`, `holder`
  reacquire,            ///< connection `slot.generation`, `deadline`, `holder`
  acquire_statement,    ///< `deadline`, `holder`, `statement`
  reacquire_statement,  ///< connection `slot.generation`, `deadline`, `holder`, `statement`
  try_acquire,          ///< `holder`
  accept,               ///< waiter `slot.generation`
  cancel,               ///< waiter `slot.generation`
  release,              ///< connection `slot.generation`, `disposition`, `never_sent`
  detach,               ///< connection `slot.generation`
  set_holder,           ///< connection `slot.generation`, `holder`
  resize,               ///< `min_size`, `max_size`
  check_all,
  drain,
  suspend,
  resume,
  awaited,    ///< Somebody waits for the pool to be full...
  unawaited,  ///< ... and nobody does any more.
  close,
  cut,
  on_connected,       ///< connection `slot.generation`
  on_connect_failed,  ///< connection `slot.generation`, `failure`
  on_reset_done,      ///< connection `slot.generation`, `disposition`
  on_check_done,      ///< connection `slot.generation`, `disposition`
  on_closed,          ///< connection `slot.generation`
  on_hung_up,         ///< connection `slot.generation`
  send_next,          ///< connection `slot.generation`
  hand_on,            ///< connection `slot.generation`
  on_answered,        ///< waiter `slot.generation`, `took`
  on_alone_answered,  ///< `statement`, `took`: one that was granted a connection at once
  tick,
};

struct Input {
  InputKind kind = InputKind::tick;
  pool::TimePoint now{};  ///< Since the start of the run, which is TimePoint{}.
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  pool::TimePoint deadline{};
  pool::Disposition disposition = pool::Disposition::clean;
  pool::ConnectFailure failure = pool::ConnectFailure::transient;
  std::uint32_t min_size = 0;
  std::uint32_t max_size = 0;
  pool::Statement statement{};
  pool::HolderId holder = pool::unknown_holder;
  pool::Duration took{};
  std::uint32_t never_sent = 0;
  bool hold = false;  ///< The caller still has the lock: actions are polled after a later input.

  [[nodiscard]] pool::ConnectionId connection() const { return {slot, generation}; }
  [[nodiscard]] pool::WaiterId waiter() const { return {slot, generation}; }
};

/// A run of the core that can be repeated: its options, and every input.
struct Trace {
  pool::CoreOptions options;
  std::vector<Input> inputs;
};

std::string to_text(const Input& input);
std::string to_text(const pool::CoreOptions& options);
std::string to_text(const Trace& trace);
/// Reads what `to_text` wrote; `#` begins a comment. Throws std::invalid_argument that names the line.
Trace read_trace(std::istream& in);

}  // namespace copg::sim
