// What most programs have that write a pool themselves: a mutex, a stack, and one condition variable. A
// thread that runs takes a connection from those that are about to wake, and one that waits may do so for
// long.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

namespace copg::bench {

template <class Connection>
class LifoPool {
 public:
  void add(Connection& connection) { idle_.push_back(&connection); }

  Connection& acquire() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty(); });
    Connection& connection = *idle_.back();
    idle_.pop_back();
    return connection;
  }

  void release(Connection& connection) {
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(&connection);
    }
    returned_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Connection*> idle_;
};

}  // namespace copg::bench
