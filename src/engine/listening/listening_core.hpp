// What a pool's listeners want, what its one listening connection has, and what is to be done about the
// difference. It holds the listeners' queues, too.
//
// It knows no socket, thread or clock: each input that depends on the time carries `now`. Inputs and commands
// may leave listeners `touched`, whose callers look again. docs/adr/0052 has the decisions.
#pragma once

#include <copg/error.hpp>
#include <copg/notification.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pool/backoff.hpp"
#include "pool/types.hpp"

namespace copg::engine {

/// What has come for one listener: so many notifications at most, and gaps between them.
class ArrivalQueue {
 public:
  explicit ArrivalQueue(std::size_t capacity) : capacity_(capacity) {}

  [[nodiscard]] bool empty() const noexcept { return arrivals_.empty(); }
  enum class Pushed : std::uint8_t {
    kept,
    gap_begins,  ///< It is full, and a gap that begins now tells of it.
    dropped,     ///< It is full still.
  };
  Pushed push(const Notification& notification);
  /// The connection was replaced.
  void push_reconnected() { gap_at_end().reconnected = true; }
  [[nodiscard]] std::optional<Arrival> take();

 private:
  Gap& gap_at_end();

  const std::size_t capacity_;
  std::size_t notifications_ = 0;
  std::deque<Arrival> arrivals_;
};

class ListeningCore {
 public:
  using Id = std::uint64_t;
  using TimePoint = pool::TimePoint;
  using Channels = std::set<std::string, std::less<>>;

  explicit ListeningCore(std::uint64_t seed) : random_(seed) {}

  // Getters.

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] std::size_t listeners() const noexcept { return listeners_.size(); }
  [[nodiscard]] bool connected() const noexcept { return phase_ == Phase::idle || phase_ == Phase::sending; }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  /// The listener has not been closed.
  [[nodiscard]] bool knows(Id listener) const noexcept { return listeners_.contains(listener); }
  [[nodiscard]] const Channels& channels(Id listener) const { return listeners_.at(listener).channels; }
  /// The server has acknowledged all its channels, on the connection that is open now.
  [[nodiscard]] bool ready(Id listener) const;
  /// Why it can't become ready, before it was so for the first time; nullptr: it still can.
  [[nodiscard]] const ErrorInfo* refusal(Id listener) const;
  /// Why there is no connection; nullptr: the last attempt has not failed.
  [[nodiscard]] const ErrorInfo* last_error() const noexcept { return error_ ? &*error_ : nullptr; }
  [[nodiscard]] bool has_arrival(Id listener) const { return !listeners_.at(listener).queue.empty(); }
  /// When to call `next` although nothing has happened; pool::never: not at all.
  [[nodiscard]] TimePoint next_deadline() const;

  // Commands.

  Id open(std::vector<std::string> channels, std::size_t capacity);
  void close(Id listener);
  void add(Id listener, std::string channel);
  /// From now on nothing of this channel is put into its queue.
  void remove(Id listener, std::string_view channel);
  [[nodiscard]] std::optional<Arrival> take(Id listener) { return listeners_.at(listener).queue.take(); }
  /// Has the connection replaced.
  void renew() noexcept { renew_ = connected(); }
  /// The pool is closed.
  void end();
  /// The listeners of which something has changed, once.
  [[nodiscard]] std::vector<Id> take_touched();
  /// A listener has begun to miss notifications.
  struct NewGap {
    bool reconnected = false;  // else its queue is full
    Channels channels;
  };
  /// Each once.
  [[nodiscard]] std::vector<NewGap> take_gaps() { return std::exchange(gaps_, {}); }

  // What the connection is to do.

  struct Action {
    enum class Kind : std::uint8_t {
      none,
      connect,  ///< Then: on_connected, or on_connect_failed.
      send,     ///< LISTEN and UNLISTEN, of which both may be empty. Then: on_acknowledged, or on_refused.
      close,    ///< The connection, or the connect, and what it does now.
    };
    Kind kind = Kind::none;
    std::vector<std::string> listen{};
    std::vector<std::string> unlisten{};
  };
  [[nodiscard]] Action next(TimePoint now);

  // Inputs: what has become of it.

  void on_connected();
  void on_connect_failed(TimePoint now, pool::ConnectFailure failure, ErrorInfo error);
  /// The answer to `send`, or to a check.
  void on_acknowledged();
  /// The server, or a pooler, does not let this connection listen. It is closed.
  void on_refused(TimePoint now, ErrorInfo error);
  /// Its connection is being checked: nothing can be sent until on_acknowledged.
  void on_check_begins() noexcept { phase_ = Phase::sending; }
  /// The connection was lost, in whatever it did.
  void on_lost(TimePoint now, ErrorInfo error);
  void on_notifications(const std::vector<Notification>& notifications);

 private:
  enum class Phase : std::uint8_t { absent, connecting, idle, sending };

  struct Listener {
    Channels channels;
    ArrivalQueue queue;
    bool established = false;  // it was ready once, so that its caller counts on it
    bool missed = false;       // the connection was replaced since it was ready
    std::optional<ErrorInfo> refusal{};
  };

  [[nodiscard]] bool wanted() const noexcept { return !ended_ && !listeners_.empty(); }
  [[nodiscard]] bool somebody_waits() const;
  [[nodiscard]] bool ready(const Listener& listener) const;
  [[nodiscard]] bool all_sent() const;
  void touch(Id listener) { touched_.insert(listener); }
  void note_if_ready(Id id, Listener& listener);
  void refuse_new_listeners(const ErrorInfo& error);
  void connection_gone();

  pool::Backoff backoff_{pool::forever};
  pool::Random random_;
  Phase phase_ = Phase::absent;
  bool acknowledged_ = false;  // something, on this connection
  bool ended_ = false;
  bool renew_ = false;
  Id last_id_ = 0;
  std::unordered_map<Id, Listener> listeners_;
  std::map<std::string, std::set<Id>, std::less<>> wanted_;  // the channels, and who wants them
  Channels listened_;                                        // on this connection, acknowledged
  std::vector<std::string> sending_;                         // LISTEN, on their way
  std::set<Id> touched_;
  std::vector<NewGap> gaps_;
  std::optional<ErrorInfo> error_;
  std::uint64_t received_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace copg::engine
