// A list in the parcels themselves, and a wake-up only when it stops being empty.
#include "python/native/loop_port.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace copg::python {

std::uint64_t PortEntry::next_token() noexcept {
  static std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

namespace {

constexpr std::uint64_t news_token = 0;  // of no entry
constexpr int to_read = 1;
constexpr int to_write = 2;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void put(int set, int fd, std::uint32_t events, std::uint64_t token) {
  epoll_event event{.events = events, .data = {.u64 = token}};
  if (epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) != 0 &&
      (errno != ENOENT || epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) != 0))
    fail("epoll_ctl");
}

}  // namespace

LoopPort::LoopPort() : set_(epoll_create1(EPOLL_CLOEXEC)), news_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  try {
    if (set_ < 0 || news_ < 0) fail("an event loop's port");
    put(set_, news_, EPOLLIN, news_token);
  } catch (...) {
    close_all();
    throw;
  }
}

LoopPort::~LoopPort() { close_all(); }

void LoopPort::close_all() noexcept {
  if (set_ >= 0) close(set_);
  if (news_ >= 0) close(news_);
}

void LoopPort::watch(int fd, int events, std::uint64_t token) {
  // Once: it stays ready until its call has run, and the event loop must not be woken for it again until
  // then.
  std::uint32_t wanted = EPOLLONESHOT;
  if ((events & to_read) != 0) wanted |= EPOLLIN;
  if ((events & to_write) != 0) wanted |= EPOLLOUT;
  put(set_, fd, wanted, token);
}

void LoopPort::unwatch(int fd) noexcept { epoll_ctl(set_, EPOLL_CTL_DEL, fd, nullptr); }

void LoopPort::post(PortEntry& entry) noexcept {
  const std::lock_guard lock(mutex_);
  if (entry.posted_) return;
  entry.posted_ = true;
  entry.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &entry;
  if (last_ == nullptr && !taking_) wake();
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

void LoopPort::wake() noexcept {
  (void)eventfd_write(news_, 1);
}  // can't fail: the counter is far from its end

std::vector<LoopPort::News> LoopPort::take() {
  constexpr int most = 64;  // at a time; what is left keeps the set readable
  epoll_event events[most];
  const int count = epoll_wait(set_, events, most, 0);
  std::vector<News> news;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[i];
    if (event.data.u64 == news_token) {
      eventfd_t posts = 0;
      (void)eventfd_read(news_, &posts);
      continue;
    }
    // An error or a hang-up is found by trying what was waited for.
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    const int readable = broken || (event.events & EPOLLIN) != 0 ? to_read : 0;
    const int writable = broken || (event.events & EPOLLOUT) != 0 ? to_write : 0;
    news.push_back({event.data.u64, readable | writable});
  }
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
  if (!taking_ && first_ != nullptr) wake();
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
