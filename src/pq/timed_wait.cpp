// timerfd and epoll; an epoll descriptor can itself be waited for.
#include "pq/timed_wait.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>

namespace copg::pq {

TimedWait::~TimedWait() {
  if (both_ >= 0) ::close(both_);
  if (timer_ >= 0) ::close(timer_);
}

void TimedWait::start(std::chrono::milliseconds time) {
  if (timer_ < 0) timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  itimerspec value{};
  value.it_value.tv_sec = seconds.count();
  value.it_value.tv_nsec = std::chrono::nanoseconds(time - seconds).count();
  if (timer_ >= 0) ::timerfd_settime(timer_, 0, &value, nullptr);
}

bool TimedWait::passed() const noexcept {
  pollfd watched{timer_, POLLIN, 0};
  return timer_ >= 0 && ::poll(&watched, 1, 0) == 1;
}

Step TimedWait::wait(int fd, Ready what) {
  if (timer_ < 0) return Step::wait(fd, what);
  if (both_ < 0) {
    both_ = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event timer{.events = EPOLLIN, .data = {.fd = timer_}};
    if (both_ < 0 || ::epoll_ctl(both_, EPOLL_CTL_ADD, timer_, &timer) != 0) return Step::wait(fd, what);
  }
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (what == Ready::read_write) event.events |= EPOLLOUT;
  if (::epoll_ctl(both_, watched_ == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
    return Step::wait(fd, what);
  }
  watched_ = fd;
  return Step::wait(both_, Ready::read);
}

}  // namespace copg::pq
