// The threads for calls that block inside the system: looking up a name, and PQcancel before libpq 17.
//
// One of them is made with the first pool of a process and stays until the last pool is gone, so that pools
// can resolve, cancel and close even if the process can start no further thread: jobs queue then. Otherwise a
// job that would have to wait gets another thread, which ends when there is no work. Nothing waits for a job
// that hangs, not even the end of the process (docs/adr/0032).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>

namespace copg::pq {

class Workers {
 public:
  /// If so many jobs hang, all others wait.
  static constexpr std::size_t max_threads = 128;
  /// Jobs that may wait for a thread.
  static constexpr std::size_t max_queued = 256;

  /// Keeps a thread ready. It is for the process that made it: a forked child makes its own.
  class Hold {
   public:
    /// Throws std::system_error if there is no thread and none can be made.
    Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    /// The last one ends the threads that have nothing to do, and waits for that. Threads that are in a job
    /// end after it, by themselves.
    ~Hold();

   private:
    Workers* const workers_;
  };

  /// Does the job soon, on another thread, with all signals blocked. The job must not throw, nor take a lock
  /// that its caller holds. Throws std::system_error if there is no thread and none can be made, or if too
  /// many jobs wait already.
  static void submit(std::function<void()> job);

 private:
  struct Worker;

  static Workers& of_this_process();
  Workers();
  ~Workers();
  void hold();
  void let_go() noexcept;
  void add(std::function<void()> job);
  void start_worker();
  void work(std::list<Worker>::iterator self);
  [[nodiscard]] bool wait_for_work(std::unique_lock<std::mutex>& lock, Worker& self);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::list<Worker> workers_;
  std::size_t busy_ = 0;  // workers that are in a job
  int holds_ = 0;
};

}  // namespace copg::pq
