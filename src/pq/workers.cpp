// One list of jobs for the process, and the threads that take from it.
#include "pq/workers.hpp"

#include <pthread.h>

#include <atomic>
#include <system_error>
#include <thread>
#include <utility>

#include "os/names.hpp"
#include "pq/signals_blocked.hpp"

namespace copg::pq {

struct Workers::Worker {
  std::thread thread;
  bool busy = false;
  bool awaited = false;  // it is to end, and somebody waits for that
};

namespace {

/// Never destroyed: threads may be in a job until the process is gone.
std::atomic<Workers*> process_workers = nullptr;

// The parent's threads don't exist in a forked child, and its mutex may be locked there for ever.
[[maybe_unused]] const int workers_registered =
    pthread_atfork(nullptr, nullptr, [] { process_workers = nullptr; });

}  // namespace

Workers::Workers() = default;
Workers::~Workers() = default;

Workers& Workers::of_this_process() {
  Workers* known = process_workers.load();
  if (known != nullptr) return *known;
  auto* const made = new Workers;
  if (process_workers.compare_exchange_strong(known, made)) return *made;
  delete made;
  return *known;
}

Workers::Hold::Hold() : workers_(&of_this_process()) { workers_->hold(); }

Workers::Hold::~Hold() {
  if (workers_ == process_workers.load()) workers_->let_go();
}

void Workers::submit(std::function<void()> job) { of_this_process().add(std::move(job)); }

void Workers::hold() {
  const std::lock_guard lock(mutex_);
  if (busy_ == workers_.size()) {
    try {
      start_worker();
    } catch (const std::system_error&) {
      if (workers_.empty()) throw;
    }
  }
  ++holds_;
}

void Workers::let_go() noexcept {
  std::list<Worker> left;
  {
    const std::lock_guard lock(mutex_);
    if (--holds_ > 0) return;
    for (auto worker = workers_.begin(); worker != workers_.end();) {
      const auto here = worker++;
      if (here->busy || !jobs_.empty()) continue;
      here->awaited = true;
      left.splice(left.end(), workers_, here);
    }
    wake_.notify_all();
  }
  for (Worker& worker : left) worker.thread.join();
}

void Workers::add(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (jobs_.size() >= max_queued) {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                            "too many wait for a thread already");
  }
  jobs_.push_back(std::move(job));
  if (workers_.size() - busy_ < jobs_.size() && workers_.size() < max_threads) {
    try {
      start_worker();
    } catch (const std::system_error&) {
      if (workers_.empty()) {
        jobs_.pop_back();
        throw;
      }
    }
  }
  wake_.notify_one();
}

/// With the mutex held, as all that follows.
void Workers::start_worker() {
  const SignalsBlocked blocked;
  const auto made = workers_.emplace(workers_.end());
  try {
    made->thread = std::thread([this, made] { work(made); });
  } catch (...) {
    workers_.erase(made);
    throw;
  }
}

void Workers::work(std::list<Worker>::iterator self) {
  os::set_thread_name("copg-worker");
  std::unique_lock lock(mutex_);
  do {
    while (!jobs_.empty() && !self->awaited) {
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      self->busy = true;
      ++busy_;
      lock.unlock();
      job();
      job = nullptr;  // what it holds may be the last of its kind
      lock.lock();
      --busy_;
      self->busy = false;
    }
  } while (wait_for_work(lock, *self));
  if (self->awaited) return;
  self->thread.detach();
  workers_.erase(self);
}

/// False: it is of no more use.
bool Workers::wait_for_work(std::unique_lock<std::mutex>& lock, Worker& self) {
  if (workers_.size() > 1 && workers_.size() - busy_ > 1) return false;  // another waits already
  wake_.wait(lock, [&] { return !jobs_.empty() || self.awaited || holds_ == 0; });
  return !self.awaited && !jobs_.empty();
}

}  // namespace copg::pq
