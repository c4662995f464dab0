// A list in the parcels themselves, and a wake-up only when it stops being empty.
#include "python/native/loop_port.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <span>
#include <system_error>

namespace copg::python {

std::uint64_t PortEntry::next_token() noexcept {
  static std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

namespace {

constexpr int to_read = 1;
constexpr int to_write = 2;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

LoopPort::LoopPort() {
  if (!set_.open() || !set_.open_wake()) fail("an event loop's port");
}

void LoopPort::watch(int fd, int events, std::uint64_t token) {
  using What = os::ReadySet::What;
  const bool writes = (events & to_write) != 0;
  const What what = (events & to_read) == 0 ? What::write : writes ? What::read_write : What::read;
  // Once: it stays ready until its call has run, and the event loop must not be woken for it again until
  // then.
  if (!set_.watch(fd, what, token)) fail("an event loop's port");
}

void LoopPort::unwatch(int fd) noexcept { set_.unwatch(fd); }

void LoopPort::post(PortEntry& entry) noexcept {
  const std::lock_guard lock(mutex_);
  if (entry.posted_) return;
  entry.posted_ = true;
  entry.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &entry;
  if (last_ == nullptr && !taking_) set_.wake();
  last_ = &entry;
}

void LoopPort::withdraw(PortEntry& entry) noexcept {
  const std::lock_guard lock(mutex_);
  if (!entry.posted_) return;
  entry.posted_ = false;
  PortEntry* before = nullptr;
  for (PortEntry* at = first_; at != &entry; at = at->next_) before = at;
  (before != nullptr ? before->next_ : first_) = entry.next_;
  if (last_ == &entry) last_ = before;
}

std::vector<LoopPort::News> LoopPort::take() {
  std::array<os::ReadySet::Found, 64> found;  // at a time; what is left keeps the set readable
  const std::size_t count = set_.take(found);
  std::vector<News> news;
  for (const os::ReadySet::Found& one : std::span(found).first(count))
    news.push_back({one.token, (one.readable ? to_read : 0) | (one.writable ? to_write : 0)});
  const std::lock_guard lock(mutex_);
  taking_ = true;
  take_posted(news);
  return news;
}

std::vector<LoopPort::News> LoopPort::take_more(bool go_on) {
  std::vector<News> news;
  const std::lock_guard lock(mutex_);
  if (go_on) take_posted(news);
  taking_ = !news.empty();
  if (!taking_ && first_ != nullptr) set_.wake();
  return news;
}

/// With the mutex held.
void LoopPort::take_posted(std::vector<News>& out) {
  for (; first_ != nullptr; first_ = first_->next_) {
    out.push_back({first_->token_, 0});
    first_->posted_ = false;
  }
  last_ = nullptr;
}

}  // namespace copg::python
