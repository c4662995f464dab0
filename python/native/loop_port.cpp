// A list in the parcels themselves, and a wake-up only when it stops being empty.
#include "python/native/loop_port.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace copg::python {

std::uint64_t Parcel::next_token() noexcept {
  static std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

LoopPort::LoopPort() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

LoopPort::~LoopPort() { close(fd_); }

void LoopPort::post(Parcel& parcel) noexcept {
  const std::lock_guard lock(mutex_);
  if (parcel.posted_) return;
  parcel.posted_ = true;
  parcel.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &parcel;
  if (last_ == nullptr) (void)eventfd_write(fd_, 1);  // can't fail: the counter is far from its end
  last_ = &parcel;
}

void LoopPort::withdraw(Parcel& parcel) noexcept {
  const std::lock_guard lock(mutex_);
  if (!parcel.posted_) return;
  parcel.posted_ = false;
  Parcel* before = nullptr;
  for (Parcel* at = first_; at != &parcel; at = at->next_) before = at;
  (before != nullptr ? before->next_ : first_) = parcel.next_;
  if (last_ == &parcel) last_ = before;
}

std::vector<std::uint64_t> LoopPort::take() {
  const std::lock_guard lock(mutex_);
  eventfd_t count = 0;
  (void)eventfd_read(fd_, &count);  // nothing, if what was posted has been withdrawn and read already
  std::vector<std::uint64_t> tokens;
  for (; first_ != nullptr; first_ = first_->next_) {
    first_->posted_ = false;
    tokens.push_back(first_->token_);
  }
  last_ = nullptr;
  return tokens;
}

}  // namespace copg::python
