// A cluster that things happen to while threads write and read through a pool, and what is promised of the
// pool then.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/load.hpp"
#include "chaos/patroni_cluster.hpp"
#include "chaos/promotions.hpp"

namespace copg::chaos {

/// What happens, to the primary and its synchronous standby of that moment.
struct Event {
  std::string_view name;
  std::string_view text;
  bool promotes;  ///< Another primary must follow.
  void (*begin)(PatroniCluster& cluster, std::size_t primary, std::size_t standby);
  void (*end)(PatroniCluster& cluster, std::size_t primary, std::size_t standby);
};

/// All that there are, for as long as the program runs.
[[nodiscard]] std::vector<const Event*> all_events();

struct TrialOptions {
  std::chrono::duration<double> time{60};  ///< No event begins later.
  std::uint64_t seed = 1;                  ///< For the order of the events.
  std::vector<const Event*> events = all_events();
  bool haproxy = false;  ///< The pool has one host, behind which is the primary.
  int threads = 50;
  std::chrono::seconds lag{10};  ///< How long what promotes nothing lasts.
};

/// One event, from a whole cluster to a whole cluster.
struct Round {
  const Event* event;
  /// From the promotion, when the new primary accepts, to the first write.
  std::optional<std::chrono::duration<double>> recovery{};
  /// From the last write before to that one.
  std::optional<std::chrono::duration<double>> outage{};
  std::int64_t writes = 0;  ///< acknowledged
  std::int64_t lost = 0;    ///< Acknowledged, and not there.
  std::int64_t twice = 0;   ///< Rows that are there more than once.
};

class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

class Trial {
 public:
  /// `told` hears of each round; `status` of what goes on.
  Trial(TrialOptions options, const std::atomic<bool>& interrupted, std::function<void(const Round&)> told,
        std::function<void(const std::string&)> status);

  /// Throws std::runtime_error if the cluster does not do what the event is for, and Interrupted.
  void run();
  [[nodiscard]] Counts counts() const { return load_ ? load_->counts() : Counts(); }
  /// The ends of the logs of all servers.
  [[nodiscard]] std::string last_words() const { return cluster_.last_words(); }

 private:
  void prepare();
  Round play(const Event& event);
  void measure(Round& round, Clock::time_point begin);
  void check(Round& round);
  template <class Condition>
  void wait_until(const char* what, Condition condition);

  TrialOptions options_;
  const std::atomic<bool>& interrupted_;
  std::function<void(const Round&)> told_;
  std::function<void(const std::string&)> status_;
  PatroniCluster cluster_;
  std::unique_ptr<PooledDatabase> db_;
  std::unique_ptr<Promotions> promotions_;
  std::unique_ptr<Load> load_;
};

}  // namespace copg::chaos
