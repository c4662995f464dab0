// A seeded world around the core: callers that arrive, wait, cancel, hold and return; a server that is slow,
// hangs, dies, is full or misconfigured; clocks that jump; commands at bad moments; and late, stale and
// doubled inputs.
//
// It sees of the core only what a shell sees: answers, actions, next_deadline. The same seed gives the same
// inputs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/harness.hpp"
#include "sim/input.hpp"

namespace copg::sim {

/// xoshiro256** (Blackman, Vigna 2018).
class Dice {
 public:
  explicit Dice(std::uint64_t seed);
  std::uint64_t next();
  /// Uniform in 0..bound-1.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }
  /// Uniform in low..high.
  std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + below(high - low + 1); }
  pool::Duration between(pool::Duration low, pool::Duration high);
  /// True `n` times in 1000.
  bool permille(std::uint32_t n) { return below(1000) < n; }

 private:
  std::uint64_t state_[4];
};

class Workload {
 public:
  explicit Workload(std::uint64_t seed);

  [[nodiscard]] const pool::CoreOptions& options() const { return options_; }
  [[nodiscard]] std::uint32_t length() const { return length_; }  ///< Inputs before the recovery.
  [[nodiscard]] pool::TimePoint now() const { return now_; }
  /// The next input, from what the driver has shown.
  Input next(const Harness& harness);
  /// Looks at what the last input led to.
  void observe(const Harness& harness, const Input& last);
  /// From now on the server is well, nobody new arrives, and leases end soon.
  void begin_recovery(pool::TimePoint now);
  /// From now on there are only answers to what was asked.
  void begin_ending() { ending_ = true; }
  /// An upper bound for recovery: hung connects, the longest backoff, and as many rounds of connects as it
  /// takes.
  [[nodiscard]] pool::Duration recovery_time(std::uint32_t max_size, std::size_t waiting) const;
  /// False if connections age faster than they can be opened, so that no pool could hold min_size for long.
  [[nodiscard]] bool can_stay_full() const;

 private:
  enum class Server : std::uint8_t { well, down, hung, overloaded, misconfigured };
  enum class Source : std::uint8_t { arrival, world, command, tick, connection };

  static constexpr pool::Duration connect_timeout = std::chrono::seconds(10);  // a hung connect ends then

  void choose_rates();
  Input at(InputKind kind, pool::TimePoint time);
  Input finish(std::uint32_t slot, const Harness& harness);
  Input arrive(const Harness& harness);
  Input take_up(const Model::Grant& grant);
  Input run_on(std::uint32_t slot, const Model::Connection& connection, Input input);
  Input alone_on(std::uint32_t slot, const Model::Connection& connection, Input input);
  [[nodiscard]] pool::HolderId holder(const Model& model);
  [[nodiscard]] pool::Statement statement();
  [[nodiscard]] pool::Duration time_of(const pool::Statement& statement);
  void cancel_one(const Model& model, Input& input);
  Input command(const Harness& harness);
  Input noise(const Harness& harness);
  void change_world();
  Input world(const Harness& harness);
  pool::Disposition lease_ending();
  pool::Disposition background_ending();

  Dice dice_;
  Dice other_dice_;  // of its own, so that the choices above stay those of the seed
  pool::CoreOptions options_;
  std::uint32_t length_ = 0;
  pool::Duration arrival_gap_{}, hold_{}, patience_{}, connect_time_{}, reset_time_{}, close_time_{},
      world_gap_{}, command_gap_{};
  std::uint32_t needs_reset_ = 0, discard_ = 0, broken_ = 0, cancel_ = 0, hold_lock_ = 0, noise_ = 0,
                jump_ = 0, hang_up_ = 0;
  std::uint32_t statements_ = 0, writes_ = 0, loners_ = 0;  // permille of the arrivals, of the statements
  std::uint32_t tries_ = 0, detached_ = 0;                  // permille of the others, of the leases
  std::uint32_t known_ = 0, nested_ = 0;                    // permille of the arrivals, of the known
  pool::HolderId last_holder_ = pool::unknown_holder;
  std::uint32_t slow_texts_ = 0;  // keys below it are slow
  pool::Duration slow_time_{}, fast_time_{};
  std::vector<std::optional<pool::Statement>> alone_;  // by slot: granted at once, and not answered
  Server server_ = Server::well;
  bool near_ = false;  // on this very machine
  pool::TimePoint now_{};
  pool::TimePoint next_arrival_{}, next_world_{}, next_command_{};
  std::vector<pool::TimePoint> due_;  // by slot: when what was asked of the connection is over
  std::vector<bool> hangs_up_;        // by slot: what is over at that time is an idle session
  std::uint32_t burst_ = 0;           // arrivals that come at once
  bool recovering_ = false;
  bool ending_ = false;
  bool dead_epoch_ = false;  // the server went down: what was open before is dead
};

}  // namespace copg::sim
