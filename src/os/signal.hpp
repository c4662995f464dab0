// A descriptor by which one thread tells another, which waits for descriptors, that something has happened.
#pragma once

namespace copg::os {

/// Can be read from `set` on, until `clear`.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() { close(); }

  /// Once, before the rest. False, and errno says why: the process is out of descriptors.
  [[nodiscard]] bool open() noexcept;
  [[nodiscard]] int fd() const noexcept { return read_end_; }
  /// From any thread, also with a mutex held: never blocks. Twice is as once.
  void set() noexcept;
  /// From one thread at a time.
  void clear() noexcept;
  void close() noexcept;

 private:
  int read_end_ = -1;
  int write_end_ = -1;  // may be the same
};

}  // namespace copg::os
