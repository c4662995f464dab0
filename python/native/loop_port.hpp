// The way from the engine's threads into one event loop of asyncio: what has happened to which call, in
// batches, through one eventfd. Touches nothing of Python's.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

namespace copg::python {

class LoopPort;

/// Something that an event loop waits for, and is told of by its token.
class Parcel {
 public:
  Parcel() = default;
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;
  [[nodiscard]] std::uint64_t token() const noexcept { return token_; }

 protected:
  ~Parcel() = default;

 private:
  friend class LoopPort;
  static std::uint64_t next_token() noexcept;

  const std::uint64_t token_ = next_token();
  // Guarded by the port's mutex.
  Parcel* next_ = nullptr;
  bool posted_ = false;
};

class LoopPort {
 public:
  /// Throws std::system_error when the process is out of descriptors.
  LoopPort();
  LoopPort(const LoopPort&) = delete;
  LoopPort& operator=(const LoopPort&) = delete;
  ~LoopPort();

  /// Readable while something is posted.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// From any thread, also with the engine's mutex held: allocates nothing. Twice is as once.
  void post(Parcel& parcel) noexcept;
  /// The parcel is not in the port any more: before it dies.
  void withdraw(Parcel& parcel) noexcept;
  /// The tokens of what was posted since the last time, in its order.
  [[nodiscard]] std::vector<std::uint64_t> take();

 private:
  int fd_;
  std::mutex mutex_;
  Parcel* first_ = nullptr;
  Parcel* last_ = nullptr;
};

}  // namespace copg::python
