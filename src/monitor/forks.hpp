// What a fork means for monitors. The child has none of their threads, but copies of their sockets, which
// would keep the port taken and browsers waiting: it closes them, and touches nothing else.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace copg::monitor {

/// Counts the forks between this process and the one that loaded the library.
class Forks {
 public:
  using Process = std::uint32_t;
  [[nodiscard]] static Process this_process() noexcept { return forks_.load(std::memory_order_relaxed); }
  [[nodiscard]] static bool in_child_of(Process process) noexcept { return this_process() != process; }

 private:
  friend struct ForkHandlers;
  inline static std::atomic<Process> forks_ = 0;
};

/// The sockets of one monitor. Changed by one thread at a time.
class Descriptors {
 public:
  static constexpr std::size_t size = 96;

  Descriptors();
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  ~Descriptors();

  /// One of more than `size` is not closed in a child.
  void add(int fd) noexcept;
  void remove(int fd) noexcept;

 private:
  friend struct ForkHandlers;
  /// A number may belong to another file by the time of a fork; the inode of a socket is its own.
  struct Entry {
    std::atomic<int> fd = -1;
    std::atomic<std::uint64_t> inode = 0;
  };
  void close_in_child() noexcept;

  std::array<Entry, size> entries_{};
  Descriptors* next_ = nullptr;
  Descriptors* prev_ = nullptr;
};

}  // namespace copg::monitor
