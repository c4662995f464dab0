// Threads that write numbered rows to the primary and read from replicas, and keep what was acknowledged to
// them.
#pragma once

#include <copg/error.hpp>
#include <copg/pooled_database.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace copg::chaos {

using Clock = std::chrono::steady_clock;

inline constexpr std::chrono::seconds call_timeout{20};

/// A write that the pool has said to be done.
struct Acknowledged {
  std::int64_t number;
  Clock::time_point at;
  int port;  ///< Of the server that took it.
};

/// What has happened to the calls so far.
struct Counts {
  std::int64_t writes = 0;  ///< acknowledged
  std::int64_t reads = 0;
  std::int64_t late = 0;   ///< Calls that ended too long after their deadline.
  std::int64_t stale = 0;  ///< Reads that did not see what was written longer ago than `max_lag`.
  std::map<std::string, std::int64_t> write_errors{};
  std::map<std::string, std::int64_t> read_errors{};
};

class Load {
 public:
  /// Begins at once. The table `written (writer int, number bigint)` must be there. With `replicas` every
  /// other read goes to a replica, the rest to any server.
  Load(PooledDatabase& db, int threads, bool replicas);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load();

  /// Returns once no call is under way.
  void pause();
  void go_on();
  [[nodiscard]] Counts counts() const;
  /// The writes that were acknowledged since the last call of `forget`.
  [[nodiscard]] std::vector<Acknowledged> acknowledged() const;
  void forget();
  /// When the first write after `since` was acknowledged by that server.
  [[nodiscard]] std::optional<Clock::time_point> first_write(int port, Clock::time_point since) const;

 private:
  struct Writer;

  void run(int number);
  void write(Writer& writer);
  void read(Writer& writer);
  void call(std::map<std::string, std::int64_t>& errors, const std::function<void()>& body);
  bool begin_step();
  void end_step();
  void rest();

  PooledDatabase& db_;
  bool replicas_;
  std::atomic<std::int64_t> last_number_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  bool paused_ = false;
  int under_way_ = 0;
  Counts counts_;
  std::vector<Acknowledged> acknowledged_;
  std::vector<std::thread> threads_;
};

}  // namespace copg::chaos
