// What every Unix has: pipes, poll(2), mutexes and condition variables. Sets cost a thread that stands in
// poll(2), and each change of them wakes it: right, not fast (docs/adr/0069).
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

#include "os/names.hpp"
#include "os/poller.hpp"
#include "os/ready_set.hpp"
#include "os/signal.hpp"
#include "os/sleep.hpp"
#include "os/socket_waiter.hpp"
#include "os/sockets.hpp"

namespace copg::os {

const char* implementation() noexcept { return "poll"; }

namespace {

/// Between the call that makes a descriptor and this one another thread may fork and exec: no call of POSIX
/// does both.
bool keep_to_this_program(int fd) noexcept { return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0; }

bool never_block(int fd) noexcept { return fcntl(fd, F_SETFL, O_NONBLOCK) == 0; }

}  // namespace

// Signal

void Signal::close() noexcept {
  if (read_end_ >= 0) ::close(read_end_);
  if (write_end_ >= 0) ::close(write_end_);
  read_end_ = write_end_ = -1;
}

bool Signal::open() noexcept {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return false;
  read_end_ = ends[0];
  write_end_ = ends[1];
  return keep_to_this_program(read_end_) && keep_to_this_program(write_end_) && never_block(read_end_) &&
         never_block(write_end_);
}

/// Fails when the pipe is full, and can be read.
void Signal::set() noexcept { static_cast<void>(write(write_end_, "", 1) == 1); }

void Signal::clear() noexcept {
  std::array<char, 64> bytes;
  while (read(read_end_, bytes.data(), bytes.size()) > 0) {
  }
}

// ReadySet: a pipe, which the poller writes to, and `wake`.

namespace {

/// 0: the system can't tell of it.
short events_of(ReadySet::What what) noexcept {
  switch (what) {
    case ReadySet::What::read: return POLLIN;
    case ReadySet::What::write: return POLLOUT;
    case ReadySet::What::read_write: return POLLIN | POLLOUT;
    case ReadySet::What::hang_up: break;
  }
#if defined(POLLRDHUP)
  return POLLRDHUP;
#else
  return 0;
#endif
}

}  // namespace

bool ReadySet::open() noexcept {
  if (!wake_.open()) return false;
  set_ = wake_.fd();
  return true;
}

bool ReadySet::open_wake() noexcept { return true; }

bool ReadySet::watch(int fd, What what, std::uint64_t token) noexcept {
  const short events = events_of(what);
  Poller* const poller = Poller::get();
  if (events == 0 || poller == nullptr) {
    errno = events == 0 ? ENOTSUP : EMFILE;
    return false;
  }
  return poller->watch({.set = &wake_, .fd = fd, .events = events, .token = token});
}

void ReadySet::unwatch(int fd) noexcept {
  if (Poller* const poller = Poller::existing()) poller->unwatch(wake_, fd);
}

bool ReadySet::set_alarm(TimePoint time) noexcept {
  Poller* const poller = Poller::get();
  return poller != nullptr && poller->watch({.set = &wake_, .until = time});
}

std::size_t ReadySet::take(std::span<Found> found) noexcept {
  if (Poller* const poller = Poller::existing()) return poller->take(wake_, found);
  wake_.clear();
  return 0;
}

void ReadySet::close() noexcept {
  if (Poller* const poller = set_ >= 0 ? Poller::existing() : nullptr) poller->unwatch_all(wake_);
  wake_.close();
  set_ = -1;
}

// SocketWaiter

SocketWaiter::Outcome SocketWaiter::wait(int socket, TimePoint /*time*/) noexcept {
  pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
  return poll_one(one, longest) > 0 ? Outcome::readable : Outcome::nothing;
}

void SocketWaiter::close() noexcept {}

// Sleeping: on a condition variable of the thread's own, in a list that is found by the word's address.

namespace {

struct Sleeper {
  const void* word;
  Sleeper* next = nullptr;
  bool woken = false;
  std::condition_variable changed{};
};

struct Bed {
  std::mutex mutex;
  Sleeper* first = nullptr;

  void put(Sleeper& sleeper) noexcept {  // the last one: who has slept longest is woken first
    Sleeper** end = &first;
    while (*end != nullptr) end = &(*end)->next;
    *end = &sleeper;
  }
  void remove(const Sleeper& sleeper) noexcept {
    for (Sleeper** at = &first; *at != nullptr; at = &(*at)->next) {
      if (*at != &sleeper) continue;
      *at = sleeper.next;
      return;
    }
  }
};

using Beds = std::array<Bed, 64>;

/// Never destroyed: threads may sleep until the process is gone. A forked child makes new ones, since threads
/// of its parent may have locked these or sleep in them.
Beds& beds() noexcept {
  alignas(Beds) static std::array<std::byte, sizeof(Beds)> room;
  static Beds* const made = [] {
    pthread_atfork(nullptr, nullptr, [] { new (room.data()) Beds; });
    return new (room.data()) Beds;
  }();
  return *made;
}

Bed& bed_of(const void* word) noexcept {
  Beds& all = beds();
  return all[(std::hash<const void*>()(word) >> 4) % all.size()];
}

}  // namespace

void sleep_on(const std::atomic<std::uint32_t>& word, std::uint32_t value, TimePoint deadline) noexcept {
  Bed& bed = bed_of(&word);
  std::unique_lock lock(bed.mutex);
  if (word.load(std::memory_order_relaxed) != value) return;
  Sleeper sleeper{.word = &word};
  bed.put(sleeper);
  const auto woken = [&] { return sleeper.woken; };
  if (deadline == TimePoint::max()) {
    sleeper.changed.wait(lock, woken);
  } else if (!sleeper.changed.wait_until(lock, deadline, woken)) {
    bed.remove(sleeper);
  }
}

void wake_one_on(const void* word) noexcept {
  Bed& bed = bed_of(word);
  const std::lock_guard lock(bed.mutex);
  for (Sleeper* one = bed.first; one != nullptr; one = one->next) {
    if (one->word != word) continue;
    bed.remove(*one);
    one->woken = true;
    one->changed.notify_one();
    return;
  }
}

/// Rounded up: to the end of the time.
int poll_one(pollfd& one, Duration limit) noexcept {
  return poll(&one, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(limit).count()));
}

// Sockets

int open_socket(int domain, int type, bool blocking) noexcept {
  const int fd = socket(domain, type, 0);
  if (fd < 0 || (keep_to_this_program(fd) && (blocking || never_block(fd)))) return fd;
  close(fd);
  return -1;
}

/// Nothing of POSIX's does it: packets are as small as they come.
void hold_packets(int /*tcp_socket*/, bool /*on*/) noexcept {}

}  // namespace copg::os
