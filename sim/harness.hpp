// One core and the model that watches it: applies an input to both, takes the actions, and judges.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pool/pool_core.hpp"
#include "sim/input.hpp"
#include "sim/model.hpp"

namespace copg::sim {

/// Faults built in on purpose between the core and the model, to prove that the simulator finds and shrinks
/// them.
enum class Sabotage : std::uint8_t {
  none,
  drop_grants,       ///< The grants that follow a connect never arrive.
  deaf_cancels,      ///< The core is not told of cancels.
  skip_timeouts,     ///< Fail actions for timeouts never arrive.
  trust_broken,      ///< A broken connection is returned as a clean one.
  double_opens,      ///< An open action arrives twice.
  cut_in,            ///< Grants that come in twos come in the wrong order.
  oversleep,         ///< next_deadline says a minute later.
  allocate,          ///< Each release allocates.
  greedy_runs,       ///< The core is told of no share_limit.
  trusted_writes,    ///< Statements that may only be the last of a run are said to be reads.
  mistaken_texts,    ///< Statements are said to be of another text than they are.
  forgetful_deaths,  ///< That statements were never sent is kept from the core when their connection dies.
  deaf_answers,      ///< The core is not told that a statement has been answered.
  idle_drivers,      ///< The core is not told that a run is handed on.
  patient_connects,  ///< Each failed connect is said to be that of a full server, which is spared.
  deaf_hang_ups,     ///< The core is not told that a server has hung up.
  lasting_hangs,     ///< The core is told that connects never hang.
  deaf_holders,      ///< The core is not told who asks.
  endless_patience,  ///< The core is told that requests wait for their whole time in an outage.
  waiting_tries,     ///< Requests that must not wait do so.
};

class Harness {
 public:
  explicit Harness(const pool::CoreOptions& options, Sabotage sabotage = Sabotage::none);
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;
  ~Harness();

  /// False if an invariant is broken: see `model().violation()`.
  bool apply(const Input& input);

  /// A violation that only the caller can see.
  void report(const char* invariant, const char* text) { model_.violate(invariant, text); }

  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const pool::PoolCore& core() const { return core_; }
  /// What the last input led to; empty while actions are held back.
  [[nodiscard]] const std::vector<pool::Action>& actions() const { return actions_; }
  [[nodiscard]] const pool::Acquired& acquired() const {
    return acquired_;
  }  ///< The answer to the last acquire.
  [[nodiscard]] const std::optional<pool::ConnectionId>& tried() const {
    return tried_;
  }                                                                              ///< To the last try_acquire.
  [[nodiscard]] const pool::Cancelled& cancelled() const { return cancelled_; }  ///< To the last cancel.
  [[nodiscard]] const std::optional<pool::ConnectionId>& accepted() const {
    return accepted_;
  }                                                            ///< To the last accept.
  [[nodiscard]] bool released() const { return released_; }    ///< To the last release or detach.
  [[nodiscard]] bool handed_on() const { return handed_on_; }  ///< To the last hand_on.
  [[nodiscard]] bool wanted() const { return wanted_; }        ///< To the last on_answered.
  [[nodiscard]] const std::optional<pool::WaiterId>& sent() const {
    return sent_;
  }  ///< To the last send_next.
  [[nodiscard]] pool::TimePoint next_deadline() const { return next_deadline_; }
  [[nodiscard]] bool holding() const { return holding_; }
  /// A digest of every answer and action so far: the same inputs must give the same one.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

 private:
  void call(const Input& input, bool in_batch);
  void acquire(const Input& input);
  pool::Acquired acquired_for(const Input& input);
  void try_acquire(const Input& input);
  void send_next(const Input& input);
  void hand_on(const Input& input);
  void answer(const Input& input);
  void take_actions(InputKind kind);
  void spoil_actions(InputKind kind);
  void mix(std::uint64_t value) { digest_ = (digest_ ^ value) * 0x100000001b3U; }
  void mix(pool::ConnectionId id) { mix((std::uint64_t{id.slot} << 32) | id.generation); }
  void mix(pool::WaiterId id) { mix((std::uint64_t{id.slot} << 32) | id.generation); }

  pool::PoolCore core_;
  Model model_;
  std::vector<pool::Action> actions_;
  pool::Acquired acquired_;
  std::optional<pool::ConnectionId> tried_;
  pool::Cancelled cancelled_;
  std::optional<pool::ConnectionId> accepted_;
  std::optional<pool::WaiterId> sent_;
  bool released_ = false;
  bool handed_on_ = false;
  bool wanted_ = false;
  pool::TimePoint next_deadline_{};
  std::uint64_t digest_ = 0xcbf29ce484222325U;
  Sabotage sabotage_;
  bool holding_ = false;
};

}  // namespace copg::sim
