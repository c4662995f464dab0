#include "monitor/forks.hpp"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>

namespace copg::monitor {

struct ForkHandlers {
  std::mutex mutex;
  Descriptors* first = nullptr;

  void after_in_child() {
    Forks::forks_.fetch_add(1, std::memory_order_relaxed);
    for (Descriptors* it = first; it != nullptr; it = it->next_) it->close_in_child();
    mutex.unlock();
  }
  void add(Descriptors& one) {
    const std::lock_guard lock(mutex);
    one.next_ = first;
    if (first != nullptr) first->prev_ = &one;
    first = &one;
  }
  void remove(Descriptors& one) {
    const std::lock_guard lock(mutex);
    (one.prev_ != nullptr ? one.prev_->next_ : first) = one.next_;
    if (one.next_ != nullptr) one.next_->prev_ = one.prev_;
  }
};

namespace {

/// Never destroyed: a process may fork as late as at exit.
ForkHandlers& handlers() {
  static auto* const instance = [] {
    auto* made = new ForkHandlers;
    pthread_atfork([] { handlers().mutex.lock(); }, [] { handlers().mutex.unlock(); },
                   [] { handlers().after_in_child(); });
    return made;
  }();
  return *instance;
}

std::uint64_t inode_of(int fd) noexcept {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

}  // namespace

Descriptors::Descriptors() { handlers().add(*this); }
Descriptors::~Descriptors() { handlers().remove(*this); }

void Descriptors::add(int fd) noexcept {
  for (Entry& entry : entries_) {
    if (entry.fd.load(std::memory_order_relaxed) >= 0) continue;
    entry.inode.store(inode_of(fd), std::memory_order_relaxed);
    entry.fd.store(fd, std::memory_order_release);
    return;
  }
}

void Descriptors::remove(int fd) noexcept {
  for (Entry& entry : entries_) {
    if (entry.fd.load(std::memory_order_relaxed) == fd) return entry.fd.store(-1, std::memory_order_release);
  }
}

void Descriptors::close_in_child() noexcept {
  for (Entry& entry : entries_) {
    const int fd = entry.fd.exchange(-1, std::memory_order_acquire);
    const std::uint64_t inode = entry.inode.load(std::memory_order_relaxed);
    if (fd >= 0 && inode != 0 && inode_of(fd) == inode) close(fd);
  }
}

}  // namespace copg::monitor
