// Each round polls what is watched then. A change ends the round, by the thread's own pipe; what was removed
// meanwhile is known by its version.
#include "os/poller.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <system_error>
#include <thread>

#include "os/names.hpp"

namespace copg::os {

namespace {

std::atomic<Poller*> process_poller = nullptr;
// Leaves the parent's where it is: its mutex may have been locked.
[[maybe_unused]] const int poller_registered =
    pthread_atfork(nullptr, nullptr, [] { process_poller = nullptr; });

}  // namespace

Poller* Poller::existing() noexcept { return process_poller.load(std::memory_order_acquire); }

/// Never destroyed: a set may be closed as late as at exit.
Poller* Poller::get() noexcept {
  Poller* poller = existing();
  if (poller != nullptr) return poller;
  auto* const made = new (std::nothrow) Poller;
  if (made == nullptr) return nullptr;
  if (made->changed_.open() &&
      process_poller.compare_exchange_strong(poller, made, std::memory_order_acq_rel)) {
    return made;
  }
  delete made;
  return poller;
}

/// With the mutex held, as all below but `run`.
bool Poller::start() noexcept {
  if (started_) return true;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the program's own threads
  try {
    std::thread([this] { run(); }).detach();
    started_ = true;
  } catch (const std::exception&) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started_;
}

bool Poller::watch(const Watched& wanted) noexcept {
  const std::lock_guard lock(mutex_);
  if (!start()) return false;
  auto entry = std::ranges::find_if(
      entries_, [&](const Entry& it) { return it.set == wanted.set && it.fd == wanted.fd; });
  if (entry == entries_.end()) {
    try {
      entry = entries_.emplace(entries_.end());
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  *entry = Entry{wanted, ++last_version_};
  changed_.set();
  return true;
}

template <class Which>
void Poller::remove(Which which) noexcept {
  std::unique_lock lock(mutex_);
  bool in_poll = false;
  std::erase_if(entries_, [&](const Entry& it) {
    if (!which(it)) return false;
    in_poll = in_poll || (polling_ && !it.told && it.fd >= 0);
    return true;
  });
  if (!in_poll) return;
  changed_.set();
  const std::uint64_t round = rounds_;
  round_ended_.wait(lock, [&] { return rounds_ != round; });
}

void Poller::unwatch(const Signal& set, int fd) noexcept {
  remove([&](const Watched& it) { return it.set == &set && it.fd == fd; });
}

void Poller::unwatch_all(const Signal& set) noexcept {
  remove([&](const Watched& it) { return it.set == &set; });
}

std::size_t Poller::take(Signal& set, std::span<ReadySet::Found> found) noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t size = 0;
  bool more = false;
  std::erase_if(entries_, [&](const Entry& it) {
    if (it.set != &set || !it.told) return false;
    if (it.fd < 0) return true;
    if (size == found.size()) {
      more = true;
      return false;
    }
    const bool broken = (it.found & ~(POLLIN | POLLOUT)) != 0;
    found[size++] = {it.token, broken || (it.found & POLLIN) != 0, broken || (it.found & POLLOUT) != 0};
    return true;
  });
  if (!more) set.clear();
  return size;
}

void Poller::run() noexcept {
  set_thread_name("copg-poller");
  std::unique_lock lock(mutex_);
  for (;;) {
    const int timeout = collect();
    polling_ = true;
    lock.unlock();
    const int count = poll(polled_.data(), static_cast<nfds_t>(polled_.size()), timeout);
    lock.lock();
    polling_ = false;
    ++rounds_;
    changed_.clear();
    judge(count > 0);
    round_ended_.notify_all();
  }
}

/// Makes the list to poll; returns for how many milliseconds, rounded up.
int Poller::collect() noexcept {
  constexpr int without_memory = 10;  // ms until the next try
  TimePoint until = TimePoint::max();
  polled_.clear();
  versions_.clear();
  try {
    polled_.reserve(entries_.size() + 1);
    versions_.reserve(entries_.size());
    for (const Entry& it : entries_) {
      if (it.told) continue;
      until = std::min(until, it.until);
      polled_.push_back({it.fd, it.events, 0});
      versions_.push_back(it.version);
    }
    polled_.push_back({changed_.fd(), POLLIN, 0});
  } catch (const std::bad_alloc&) {
    polled_.clear();
    versions_.clear();
    return without_memory;
  }
  if (until == TimePoint::max()) return -1;
  constexpr std::chrono::milliseconds longest = std::chrono::hours(1);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), longest).count());
}

void Poller::judge(bool polled) noexcept {
  const TimePoint time = now();
  for (Entry& it : entries_) {
    if (it.told) continue;
    const auto at = std::ranges::find(versions_, it.version);
    const short found = polled && at != versions_.end()
                            ? polled_[static_cast<std::size_t>(at - versions_.begin())].revents
                            : static_cast<short>(0);
    if (found == 0 && it.until > time) continue;
    it.told = true;
    it.found = found;
    it.set->set();
  }
}

}  // namespace copg::os
