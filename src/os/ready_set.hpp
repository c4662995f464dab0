// Many descriptors that are waited for by one: whoever waits for the set wakes up when one of them is ready.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "os/clock.hpp"
#include "os/signal.hpp"

namespace copg::os {

/// Not thread-safe, but for `wake`. A forked child shares it with its parent: it may only close it.
class ReadySet {
 public:
  enum class What : std::uint8_t {
    read,
    write,
    read_write,
    hang_up,  ///< The peer has closed or reset its side, even if there is still something to read.
  };
  struct Found {
    std::uint64_t token;
    bool readable;  ///< Both are true after an error or a hang-up, which whoever tries will find.
    bool writable;
  };

  ReadySet() = default;
  ReadySet(const ReadySet&) = delete;
  ReadySet& operator=(const ReadySet&) = delete;
  ~ReadySet() { close(); }

  /// Before the rest. False, and errno says why: the process is out of descriptors.
  [[nodiscard]] bool open() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return set_ >= 0; }
  /// Can be read while something is ready that was not taken, or after `wake`; sometimes for no reason, until
  /// the next `take`.
  [[nodiscard]] int fd() const noexcept { return set_; }
  /// Tells once that `fd` is ready, under the token, which is not 0; again after another `watch`. False, and
  /// errno says why: out of resources, or the system can't tell.
  [[nodiscard]] bool watch(int fd, What what, std::uint64_t token) noexcept;
  /// To be called before a watched descriptor is closed: of one that was not told of yet.
  void unwatch(int fd) noexcept;
  /// From this time on the set can be read, until `take`, or until the alarm is set anew. False, as for
  /// `watch`.
  [[nodiscard]] bool set_alarm(TimePoint time) noexcept;
  /// Before `wake` is used. False, as for `open`.
  [[nodiscard]] bool open_wake() noexcept;
  /// Makes the set readable until the next `take`. From any thread, also with a mutex held: never blocks.
  void wake() noexcept { wake_.set(); }
  /// Fills `found` with what is ready; returns how many. What there was no room for keeps the set readable.
  [[nodiscard]] std::size_t take(std::span<Found> found) noexcept;
  /// Gives the set up.
  void close() noexcept;

 private:
  int set_ = -1;
  [[maybe_unused]] int clock_ = -1;
  Signal wake_;
};

}  // namespace copg::os
