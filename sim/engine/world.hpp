// What surrounds the engine in its simulation: time, which stands still until it is moved; sockets, which are
// numbers; a server that answers when it is time. Everything that it decides follows from the seed of the
// present input, so that a trace can be replayed and shortened.
//
// The scripted operations (sim/engine/scripted/pq) call it in place of libpq.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
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
enum class Deed : std::uint8_t { reads, writes, waits, begins, ends, litters };

/// A session of the server, and the socket that leads to it.
struct Session {
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
  bool in_transaction = false;
  bool littered = false;
  std::deque<Statement> running;  // in the order of their answers
  const void* user = nullptr;     // who has sent what is running
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
  /// Called where another thread could do something: inside a step, without a lock.
  void (*meanwhile)() = nullptr;

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
  void cancel(Session& session) noexcept;
  /// What runs has ended, and nothing is left of it.
  void wipe(Session& session) noexcept;

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

 private:
  void refresh(Session& session) noexcept;

  std::uint64_t random_ = 0;
  int next_fd_ = 1000;
  std::unordered_map<int, TimePoint> readable_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::vector<std::uint8_t> executed_;  // by token
  std::optional<Broken> broken_;
};

}  // namespace copg::sim
