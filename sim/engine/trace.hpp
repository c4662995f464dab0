// The inputs of a run of the engine: made from a seed, written down, read again, and shortened.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
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
  listen,  ///< A caller on an event loop opens a listener, or does something with one.
  notify,  ///< Somebody sends a notification.
};
inline constexpr int engine_inputs = 25;

struct EngineStep {
  EngineInput input = EngineInput::wait;
  std::uint32_t seed = 0;  // of the decisions that it needs
};

/// What a run may have beside calls and threads. Each is in some runs, and some have none.
enum class EnginePart : std::uint8_t {
  observers,  ///< An observer, which judges what it is told.
  hooks,      ///< configure, on_return, before_close, credentials.
  detached,   ///< Threads take connections out of the pool.
  listeners,  ///< Listeners, and what they are to hear.
  asio,       ///< Callers on event loops of Asio's.
};
inline constexpr int engine_parts = 5;
/// A set of them.
class EngineParts {
 public:
  constexpr EngineParts() = default;
  explicit constexpr EngineParts(std::uint32_t bits) : bits_(bits) {}
  constexpr EngineParts(std::initializer_list<EnginePart> parts) {
    for (const EnginePart part : parts) bits_ |= bit(part);
  }
  [[nodiscard]] constexpr bool has(EnginePart part) const noexcept { return (bits_ & bit(part)) != 0; }
  [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }

 private:
  static constexpr std::uint32_t bit(EnginePart part) noexcept { return 1U << static_cast<unsigned>(part); }

  std::uint32_t bits_ = 0;
};

struct EngineTrace {
  std::uint64_t seed = 0;  // of the pool's options
  EngineParts parts;
  std::vector<EngineStep> steps;
};

/// The parts that belong to a seed.
EngineParts parts_of(std::uint64_t seed) noexcept;
/// The inputs of a seed, at most `until` of them.
EngineTrace engine_trace(std::uint64_t seed, std::uint64_t until = UINT64_MAX);
/// With these parts in place of those that belong to it.
EngineTrace engine_trace(std::uint64_t seed, EngineParts parts, std::uint64_t until = UINT64_MAX);
/// The shortest trace found that still fails.
EngineTrace shrink_engine(EngineTrace trace, const std::function<bool(const EngineTrace&)>& fails);
std::string to_text(const EngineTrace& trace);
/// Throws std::runtime_error.
EngineTrace read_engine_trace(std::istream& in);

}  // namespace copg::sim
