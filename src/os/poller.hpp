// The thread that stands in poll(2) for all sets of a process, where the kernel has no sets. Started by the
// first descriptor that is watched; it lives as long as the process.
#pragma once

#include <poll.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "os/ready_set.hpp"
#include "os/signal.hpp"

namespace copg::os {

/// Thread-safe. A forked child leaves that of its parent behind, and makes one of its own when it needs it.
class Poller {
 public:
  /// That of this process. Null: out of resources, or of memory.
  static Poller* get() noexcept;
  /// Null: there is none yet.
  static Poller* existing() noexcept;

  struct Watched {
    Signal* set = nullptr;  ///< What its set is told by.
    int fd = -1;            ///< -1: only the time is watched.
    short events = 0;
    std::uint64_t token = 0;
    TimePoint until = TimePoint::max();
  };

  /// Tells the set once, as ReadySet::watch does. False: out of resources.
  bool watch(const Watched& wanted) noexcept;
  /// The descriptor is in no poll(2) any more when this returns.
  void unwatch(const Signal& set, int fd) noexcept;
  /// Of all descriptors of the set.
  void unwatch_all(const Signal& set) noexcept;
  /// As ReadySet::take.
  std::size_t take(Signal& set, std::span<ReadySet::Found> found) noexcept;

 private:
  struct Entry : Watched {
    std::uint64_t version = 0;  // another after each `watch`
    short found = 0;
    bool told = false;
  };

  bool start() noexcept;
  void run() noexcept;
  int collect() noexcept;
  void judge(bool polled) noexcept;
  template <class Which>
  void remove(Which which) noexcept;

  Signal changed_;  // wakes the thread
  std::mutex mutex_;
  std::condition_variable round_ended_;
  std::vector<Entry> entries_;
  std::uint64_t last_version_ = 0;
  std::uint64_t rounds_ = 0;
  bool polling_ = false;
  bool started_ = false;
  // The thread's own.
  std::vector<pollfd> polled_;
  std::vector<std::uint64_t> versions_;  // of what is polled
};

}  // namespace copg::os
