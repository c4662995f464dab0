// The inputs of a run of the engine: made from a seed, written down, read again, and shortened.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace copg::sim {

/// What happens next. Where it can't happen, nothing does.
enum class EngineInput : std::uint8_t {
  start,          ///< A caller on an event loop comes.
  thread,         ///< A thread comes that uses the pool.
  run,            ///< A thread goes on, of whatever kind.
  interrupt,      ///< Somebody presses Ctrl-C, or a signal comes.
  background,     ///< The background does one thing, or goes on with it.
  go_on,          ///< A call that was woken goes on.
  ready,          ///< A descriptor that a call waits for is ready.
  wait,           ///< Time passes, up to the next thing that happens by itself, or less.
  use_lease,      ///< A caller with a lease sends a statement on it.
  release,        ///< A caller gives its lease back, or closes it.
  cancel,         ///< A caller gives up.
  cancel_unsent,  ///< A caller gives up, if that has no effect.
  drop,           ///< A call is dropped by its event loop.
  lose_loop,      ///< An event loop goes away, and another comes.
  kill,           ///< The server ends a session.
  outage,         ///< The server goes down, or comes back.
  resize,
  drain,
  suspend,
  check,
  watch,
  close,
  fork,
};
inline constexpr int engine_inputs = 23;

struct EngineStep {
  EngineInput input = EngineInput::wait;
  std::uint32_t seed = 0;  // of the decisions that it needs
};

struct EngineTrace {
  std::uint64_t seed = 0;  // of the pool's options
  std::vector<EngineStep> steps;
};

/// The inputs of a seed, at most `until` of them.
EngineTrace engine_trace(std::uint64_t seed, std::uint64_t until = UINT64_MAX);
/// The shortest trace found that still fails.
EngineTrace shrink_engine(EngineTrace trace, const std::function<bool(const EngineTrace&)>& fails);
std::string to_text(const EngineTrace& trace);
/// Throws std::runtime_error.
EngineTrace read_engine_trace(std::istream& in);

}  // namespace copg::sim
