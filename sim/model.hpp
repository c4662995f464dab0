// What a pool must do, said a second time and as simply as possible: the model watches every input to the
// core and every answer and action it gives, keeps its own account of connections and waiters, and names the
// first broken invariant.
//
// It shares no code with the core and knows none of its insides. Where the core draws lots (backoff,
// lifetime) the model knows the bounds only. The invariants are those of docs/explanation/pool.md.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pool/pool_core.hpp"
#include "sim/input.hpp"

namespace copg::sim {

struct Violation {
  std::string invariant;  ///< "I3 progress"
  std::string text;       ///< What was seen, and what was due.
};

class Model {
 public:
  enum class State : std::uint8_t {
    none,
    connecting,
    idle,
    leased,
    resetting,
    checking,
    dying,
    soiled,     ///< Came back and needs a reset: a reset or close action is due.
    condemned,  ///< Must be closed for `verdict`: a close action is due.
  };
  static constexpr std::size_t states = 9;

  /// A statement that travels on a connection.
  struct Member {
    pool::WaiterId id;
    std::uint64_t ticket = 0;
    pool::TimePoint deadline{};
    pool::Statement statement{};
    pool::HolderId holder = pool::unknown_holder;
    bool sent = false;
    bool abandoned = false;  // nobody waits for its answer
    bool drives = false;     // or has driven: it watches its deadline itself
  };
  struct Connection {
    std::uint32_t generation = 0;
    State state = State::none;
    CloseReason verdict = CloseReason::pool_closed;  // of a condemned one
    bool marked = false;                             // by check_all
    bool hung_up = false;                            // by the server
    std::uint64_t epoch = 0;
    std::uint64_t ticket = 0;                      // of its lease
    bool slow = false;                             // leased to a statement known to be slow
    bool waited = false;                           // leased to a request that stood in the queue
    pool::HolderId holder = pool::unknown_holder;  // of a lease
    std::uint64_t leased_as = 0;                   // its number among leases and waits
    std::vector<Member> run{};
    pool::TimePoint since{};  // of the state; of an idle one since its last use
    pool::TimePoint idle_since{};
    // Its lot within its bounds: when it stops counting towards min_size, and when it must be gone.
    pool::TimePoint ages_earliest = pool::never, ages_latest = pool::never;
    pool::TimePoint expires_earliest = pool::never, expires_latest = pool::never;
  };
  struct Waiter {
    pool::WaiterId id;
    std::uint64_t ticket = 0;
    pool::TimePoint deadline{};
    pool::TimePoint since{};
    bool is_statement = false;
    pool::Statement statement{};
    pool::HolderId holder = pool::unknown_holder;
    std::uint64_t entered_as = 0;  // its number among leases and waits
    bool held = false;             // held back, because slow ones have all that they may have
  };
  struct Grant {
    pool::WaiterId waiter;
    pool::ConnectionId connection;
    bool told = true;  // by an action
  };

  /// Of the core it asks which texts are slow (tests/unit/pool/slow_texts_test.cpp judges that), and who
  /// travels in a run that came to be within a batch.
  Model(const pool::CoreOptions& options, const pool::PoolCore& core);

  // What happened. First the input with its answer, then its actions, then `settle`.
  void begin(const Input& input, bool in_batch);
  void on_acquired(const Input& input, const pool::Acquired& answer);
  void on_tried(const Input& input, const std::optional<pool::ConnectionId>& answer);
  void on_accepted(const Input& input, const std::optional<pool::ConnectionId>& answer);
  void on_cancelled(const Input& input, const pool::Cancelled& answer);
  void on_released(const Input& input, bool answer);
  void on_detached(const Input& input, bool answer);
  void on_sent(const Input& input, const std::optional<pool::WaiterId>& answer);
  void on_handed_on(const Input& input, bool answer);
  void on_answered(const Input& input, bool wanted);
  void on_input(const Input& input);  // the kinds that give no answer
  void on_action(const pool::Action& action);
  /// All actions are taken: judges the quiet state. `next_deadline` and `stats` are what the core says.
  void judge_quiet(pool::TimePoint next_deadline, const PoolStats& stats);
  void violate(std::string invariant, std::string text);

  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
  [[nodiscard]] pool::TimePoint now() const { return now_; }
  [[nodiscard]] const std::vector<Connection>& connections() const { return connections_; }
  [[nodiscard]] const std::vector<Waiter>& queue() const { return queue_; }
  [[nodiscard]] const std::vector<Grant>& granted() const { return granted_; }
  [[nodiscard]] const pool::CoreOptions& options() const { return options_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool suspended() const { return suspended_; }
  [[nodiscard]] bool is(pool::ConnectionId connection, State state) const;
  [[nodiscard]] std::uint32_t established() const;

 private:
  /// A recount of the connections, with bounds where the core's lots decide.
  struct Census {
    std::uint32_t count[states]{};
    std::uint32_t aging_surely = 0, aging_perhaps = 0;
    std::uint32_t coming_back = 0;  // resetting or checking, within the grace
    std::uint32_t marked = 0;
    pool::TimePoint due = pool::never;  // when a tick must have been, at the latest, for age or grace
    [[nodiscard]] std::uint32_t operator[](State state) const {
      return count[static_cast<std::size_t>(state)];
    }
    [[nodiscard]] std::uint32_t established() const;
    [[nodiscard]] std::uint32_t live() const;
  };
  struct Outage {
    std::uint32_t failures = 0;  // in a row
    pool::TimePoint since{};     // the first of them
    pool::ConnectFailure last = pool::ConnectFailure::transient;
    std::uint32_t steps = 0;  // by which the delay has grown
    // The next connect, while nobody waits for it, and while somebody does.
    pool::TimePoint retry_earliest{}, retry_latest{};
    pool::TimePoint asked_earliest{}, asked_latest{};
    pool::TimePoint next_report{};
  };

  // Inputs.
  void take_back(std::uint32_t slot, pool::Disposition disposition);
  void connect_failed(std::uint32_t slot, pool::ConnectFailure failure);
  void pass_over_idle();
  void judge_rejection(pool::WaitError error, pool::TimePoint deadline, bool returning);
  [[nodiscard]] bool is_surplus() const;
  [[nodiscard]] pool::TimePoint patience_ends() const;
  [[nodiscard]] bool out_of_patience() const { return now_ >= patience_ends() && established() == 0; }
  [[nodiscard]] bool out_of_patience_perhaps() const;
  void give(pool::ConnectionId connection, std::uint64_t ticket, pool::HolderId holder);
  [[nodiscard]] static bool keeps_while_waiting(const Connection& lease, const Waiter& waiter);
  [[nodiscard]] bool holds(const Waiter& waiter) const;
  [[nodiscard]] bool deadlocked() const;
  void grant(pool::WaiterId waiter, pool::ConnectionId connection);
  void dequeue(std::size_t position);
  // Runs.
  struct Place {
    std::uint32_t slot = 0;
    std::size_t position = 0;
  };
  [[nodiscard]] std::optional<Place> place_of(pool::WaiterId waiter) const;
  [[nodiscard]] bool is_asked(pool::WaiterId waiter) const;
  [[nodiscard]] bool sharing() const { return options_.share_limit > 1; }
  [[nodiscard]] bool slow(const Waiter& waiter) const;
  [[nodiscard]] std::uint32_t slow_connections() const;
  [[nodiscard]] std::uint32_t slow_limit() const;
  [[nodiscard]] std::size_t choose();
  [[nodiscard]] std::vector<pool::WaiterId> expected_run(std::size_t position) const;
  void begin_run(std::size_t position, pool::ConnectionId connection);
  void judge_run(const Connection& connection, const std::vector<pool::WaiterId>& expected);
  void cancel_member(Place place, const pool::Cancelled& answer);
  void cancel_driver(Place place, const pool::Cancelled& answer);
  bool ask_next_driver(std::uint32_t slot);
  void end_run(std::uint32_t slot, std::uint32_t never_sent);
  void insert(Waiter waiter);
  void judge_size(std::uint32_t slot);
  void judge_runs(pool::TimePoint next_deadline);
  void end_epoch() { ++epoch_; }
  void make_idle(std::uint32_t slot, pool::TimePoint since);
  void enter(std::uint32_t slot, State state);
  // Actions.
  void open(pool::ConnectionId connection);
  void close(pool::ConnectionId connection, CloseReason reason);
  void judge_reason(const Connection& connection, std::uint32_t slot, CloseReason reason);
  void fail(pool::WaiterId waiter, pool::WaitError error);
  // The quiet state.
  [[nodiscard]] Census recount() const;
  void judge_ownership(const Census& census);
  void judge_capacity(const Census& census);
  void judge_progress(const Census& census, pool::TimePoint next_deadline);
  [[nodiscard]] bool asked(const Census& census) const;
  [[nodiscard]] std::uint32_t connect_limit() const;
  [[nodiscard]] pool::TimePoint next_hang() const;
  void judge_growth(const Census& census, pool::TimePoint next_deadline);
  void judge_retry(const Census& census, pool::TimePoint next_deadline);
  void judge_limits(const Census& census, pool::TimePoint next_deadline);
  void judge_deadlines(const Census& census, pool::TimePoint next_deadline);
  void judge_outage(const Census& census, pool::TimePoint next_deadline);
  void judge_stats(const Census& census, const PoolStats& stats);
  [[nodiscard]] bool expired_surely(const Connection& connection) const;
  [[nodiscard]] bool expired_perhaps(const Connection& connection) const;
  void draw_lifetime(Connection& connection) const;
  [[nodiscard]] std::size_t position_of(pool::WaiterId waiter) const;  // in queue_; its size if absent

  template <class... Args>
  void require(bool holds, const char* invariant, fmt::format_string<Args...> text, Args&&... args) {
    if (!holds) [[unlikely]]
      violate(invariant, fmt::format(text, std::forward<Args>(args)...));
  }

  struct Due {
    pool::WaiterId waiter;
    pool::WaitError error;
  };

  pool::CoreOptions options_;
  const pool::PoolCore& core_;
  pool::Duration lead_;  // before its expiry a connection no longer counts
  pool::TimePoint now_{};
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> idle_;  // slots; back: used last
  std::vector<Waiter> queue_;        // by ticket
  std::vector<Grant> granted_;       // not accepted yet
  std::vector<Due> due_;             // fail actions to come, of statements whose run has ended
  Outage outage_;
  PoolStats totals_;
  std::uint64_t epoch_ = 1;
  std::uint64_t drained_epoch_ = 0;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t leases_and_waits_ = 0;  // that have begun
  std::uint32_t opens_ = 0;             // in this drain
  std::uint32_t reports_ = 0;           // in this drain
  std::uint32_t subject_ = ~0U;         // the slot that the input speaks of
  bool in_batch_ = false;  // several inputs since the last drain: what happened in between is unknown
  bool served_ = false;    // the input led to a grant from the queue
  bool ticked_ = false;    // the input was a tick (or a resize, which ticks)
  bool suspended_ = false;
  bool awaited_ = false;
  bool closed_ = false;
  std::optional<Violation> violation_;
};

}  // namespace copg::sim
