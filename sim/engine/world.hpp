// What surrounds the engine in its simulation: time, which stands still until it is moved; sockets, which are
// numbers; a server that answers when it is time. Everything that it decides follows from the seed of the
// present input, so that a trace can be replayed and shortened.
//
// The scripted operations (sim/engine/scripted/pq) call it in place of libpq.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/mend.hpp"
#include "pool/types.hpp"

namespace copg::sim {

using pool::Duration;
using pool::TimePoint;

/// What a statement does, by its text.
enum class Deed : std::uint8_t { reads, writes, waits, begins, ends, litters, configures };

/// A session of the server, and the socket that leads to it.
struct Session {
  /// That it listens to, on its way to the client.
  struct Sent {
    std::string channel;
    std::uint32_t number = 0;
    TimePoint due{};
  };
  struct Statement {
    std::uint32_t token = 0;
    Deed deed = Deed::reads;
    TimePoint due{};  // when its answer can be read
    bool cancelled = false;
  };
  int fd = -1;
  std::uint32_t process = 0;        // that has opened it
  bool gone = false;                // the server has closed it, or the network has lost it
  TimePoint gone_at = pool::never;  // when the client can see that
  bool gone_with_others = false;    // says the server, at the end
  int watched_by = -1;              // the descriptor of what is told when it is gone
  bool in_transaction = false;
  bool littered = false;
  bool configured = false;
  bool leased = false;         // and on_return was not called since
  bool told_of_close = false;  // before_close was called
  std::set<std::string, std::less<>> channels;
  std::deque<Sent> sent;          // in the order of their times
  std::deque<Statement> running;  // in the order of their answers
  const void* user = nullptr;     // the operation that has sent what is running
  std::uint64_t taken = 0;        // answers that were read, or thrown away
};

/// What stands between a pool and its server.
enum class Pooler : std::uint8_t {
  none,
  sessions,      ///< It gives a connection a session.
  transactions,  ///< It gives each transaction a session, perhaps another.
};

/// What ends the simulation: a rule that was broken.
struct Broken {
  std::string rule;
  std::string text;
};

class World {
 public:
  /// Of this thread.
  static World& here();

  /// A new world.
  void begin();
  /// The decisions until the next call follow from this.
  void decide_by(std::uint64_t seed) noexcept { random_ = seed; }
  /// From 0 to `below` - 1.
  [[nodiscard]] std::uint32_t choose(std::uint32_t below) noexcept;
  [[nodiscard]] bool once_in(std::uint32_t times) noexcept { return choose(times) == 0; }

  TimePoint now = TimePoint(std::chrono::hours(1));
  std::uint32_t process = 0;            // grows with each fork
  bool serves = true;                   // the server takes connections
  std::optional<engine::Mend> removed;  // from the engine
  bool tells_of_hang_ups = true;        // there is epoll
  bool configures = false;              // sessions are made ready by the pool's `configure`
  bool hears_of_returns = false;        // on_return is called after each lease
  bool asks_for_password = false;       // it is what `credentials` gives
  std::uint32_t password = 1;           // that the server takes now
  Pooler pooler = Pooler::none;
  int locks = 0;                        // that the present thread holds
  std::uint32_t interrupts_one_in = 0;  // places where another thread can get in between; 0: none
  std::function<void(std::function<void()>)> start_thread;  // for a function of the user's

  /// A thread that sleeps on a futex.
  struct Sleeper {
    const std::atomic<std::uint32_t>* word;
    std::uint32_t value;
    bool woken = false;
  };
  std::list<Sleeper*> sleepers;  // in the order of their coming
  /// Wakes one of those that sleep there.
  void wake(const void* word) noexcept;
  /// Nobody can go on: then nobody may sleep on a word that has another value by now.
  void check_sleepers();

  /// The present thread is where another one can get in between.
  void let_others_act() {
    if (locks == 0 && interrupts_one_in > 0) maybe_pause();
  }

  void breaks(std::string rule, std::string text);
  [[nodiscard]] const std::optional<Broken>& broken() const noexcept { return broken_; }

  // Connects.

  struct Attempt {
    int fd;
    TimePoint due;  // when it is known how it has ended; pool::never: it hangs
    bool fails;
  };
  [[nodiscard]] Attempt start_connect();
  /// The attempt has succeeded.
  [[nodiscard]] std::shared_ptr<Session> open_session(int fd);
  void close_session(Session& session) noexcept;

  // Talking. False: the client finds the socket closed, and nothing has left.

  [[nodiscard]] bool send(Session& session, std::uint32_t token, Deed deed, const void* user);
  /// What has been answered by now; the session is dead if there is no answer and it is gone.
  [[nodiscard]] std::optional<Session::Statement> take_answer(Session& session);
  [[nodiscard]] bool seen_gone(const Session& session) const noexcept {
    return session.gone && now >= session.gone_at;
  }
  /// What has arrived at a socket so far, and how much of that was read.
  [[nodiscard]] std::uint64_t arrived(int fd) const noexcept;
  [[nodiscard]] std::uint64_t taken(int fd) const noexcept;
  /// A lease begins, or a loan to a function of the user's.
  void lend(Session& session);
  void cancel(Session& session) noexcept;
  /// What runs has ended, and nothing is left of it.
  void wipe(Session& session) noexcept;

  // Notifications, which are numbered in each channel, from 1.

  void notify(const std::string& channel);
  [[nodiscard]] std::uint32_t last_sent(std::string_view channel) const noexcept;
  /// The next one that has arrived at the client.
  [[nodiscard]] std::optional<Session::Sent> take_notification(Session& session);

  // Sockets.

  /// The time from which on the descriptor can be read.
  void set_readable(int fd, TimePoint when) { readable_[fd] = when; }
  [[nodiscard]] int new_fd() noexcept { return next_fd_++; }
  void forget_fd(int fd) noexcept { readable_.erase(fd); }
  [[nodiscard]] TimePoint readable_at(int fd) const noexcept;

  // Mishaps.

  /// Sessions that are there, oldest first.
  [[nodiscard]] const std::vector<std::shared_ptr<Session>>& sessions() const noexcept { return sessions_; }
  void kill(Session& session) noexcept;
  void kill_all() noexcept;

  [[nodiscard]] std::uint32_t times_executed(std::uint32_t token) const noexcept {
    return token < executed_.size() ? executed_[token] : 0;
  }
  [[nodiscard]] std::uint32_t new_token() {
    executed_.push_back(0);
    return static_cast<std::uint32_t>(executed_.size() - 1);
  }

  [[nodiscard]] Session* session_of(int fd) const noexcept;

 private:
  void maybe_pause();
  void refresh(Session& session) noexcept;

  std::uint64_t random_ = 0;
  int next_fd_ = 1000;
  std::unordered_map<int, TimePoint> readable_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::vector<std::uint8_t> executed_;                          // by token
  std::map<std::string, std::uint32_t, std::less<>> notified_;  // by channel, the number of the last
  std::optional<Broken> broken_;
};

}  // namespace copg::sim
