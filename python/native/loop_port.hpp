// The way into one event loop of asyncio: which calls the engine's threads have news for, and which of their
// sockets are ready, in batches, through one descriptor. Touches nothing of Python's.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "os/ready_set.hpp"

namespace copg::python {

class LoopPort;

/// Something that an event loop waits for, and is told of by its token.
class PortEntry {
 public:
  PortEntry() = default;
  PortEntry(const PortEntry&) = delete;
  PortEntry& operator=(const PortEntry&) = delete;
  [[nodiscard]] std::uint64_t token() const noexcept { return token_; }

 protected:
  ~PortEntry() = default;

 private:
  friend class LoopPort;
  static std::uint64_t next_token() noexcept;

  const std::uint64_t token_ = next_token();
  // Guarded by the port's mutex.
  PortEntry* next_ = nullptr;
  bool posted_ = false;
};

class LoopPort {
 public:
  /// Throws std::system_error when the process is out of descriptors.
  LoopPort();

  /// Readable while something is posted, or a watched descriptor is ready: a set, whose members cost the
  /// event loop nothing. Its own registry of readers is written in Python and takes longer than a query.
  [[nodiscard]] int fd() const noexcept { return set_.fd(); }
  /// Until `fd` is ready for `events`, once, or not watched any more; its owner is named by the token. One
  /// that was ready stays in the set, deaf, until it is watched again or closed. Throws std::system_error.
  void watch(int fd, int events, std::uint64_t token);
  void unwatch(int fd) noexcept;
  /// From any thread, also with the engine's mutex held: allocates nothing. Twice is as once.
  void post(PortEntry& entry) noexcept;
  /// The entry is not in the port any more: before it dies.
  void withdraw(PortEntry& entry) noexcept;
  struct News {
    std::uint64_t token;
    int ready;  ///< What its descriptor is ready for, 1 to read and 2 to write; 0: it was posted.
  };
  /// What is ready, and what was posted since the last time, in its order. From now on a thread that posts
  /// need not wake the event loop, until `take_more` gives nothing.
  [[nodiscard]] std::vector<News> take();
  /// What was posted meanwhile. With `go_on` false nothing: the event loop is woken for it.
  [[nodiscard]] std::vector<News> take_more(bool go_on);

 private:
  void take_posted(std::vector<News>& out);

  os::ReadySet set_;
  std::mutex mutex_;
  PortEntry* first_ = nullptr;
  PortEntry* last_ = nullptr;
  bool taking_ = false;
};

}  // namespace copg::python
