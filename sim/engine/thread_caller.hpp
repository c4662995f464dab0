// A program's thread that uses the pool, and waits for it: what src/sync does is what is simulated here.
#pragma once

#include <copg/connection.hpp>
#include <copg/pooled_database.hpp>

#include <functional>

#include "sim/engine/callers.hpp"
#include "sim/engine/ear.hpp"
#include "sim/engine/judge.hpp"
#include "sim/engine/thread.hpp"
#include "sim/engine/trace.hpp"
#include "sim/engine/user.hpp"

namespace copg::sim {

/// Ctrl-C, as a language runtime throws it.
struct Interrupted {};
/// What a thread that waits calls now and then.
void throw_if_interrupted();

class ThreadCaller {
 public:
  /// `closing` becomes true when it closes the pool.
  ThreadCaller(PooledDatabase& pool, engine::PoolEngine& engine, Judge& judge, User& user, EngineParts parts,
               bool& closing)
      : pool_(pool), engine_(engine), judge_(judge), user_(user), parts_(parts), closing_(closing) {}
  ThreadCaller(const ThreadCaller&) = delete;
  ThreadCaller& operator=(const ThreadCaller&) = delete;

  /// Begins to do one thing or another.
  void begin();
  /// Closes the pool.
  void begin_close();
  [[nodiscard]] Thread& thread() noexcept { return thread_; }
  /// It has left every function of the pool, and may hold a lease.
  [[nodiscard]] bool in_own_code() const noexcept { return in_own_code_; }

 private:
  /// A call: true, and judged, whatever came of it, if it succeeded. `token`: of its statement, 0 if it has
  /// none.
  template <class Body>
  bool attempt(std::uint32_t token, Duration limit, Body body);
  void statement();
  void job();
  void lease();
  void use(Connection& connection);
  void use_in_transaction(Connection& connection, int depth);
  void execute(Connection& connection, Deed deed);
  void send_pipeline(Connection& connection);
  void copy(Connection& connection);
  void ask(const Connection& connection);
  void listen();
  void use_ear(engine::OpenListener& listener, Ear& ear);
  void use_detached(Connection& connection);
  void wait_for_pool();
  void close();
  void own_code();

  World& world_ = World::here();
  PooledDatabase& pool_;
  engine::PoolEngine& engine_;
  Judge& judge_;
  User& user_;
  const EngineParts parts_;
  bool& closing_;
  Thread thread_;
  bool in_own_code_ = false;
};

/// How long a caller is ready to wait, and what its statement does: chosen by the world.
[[nodiscard]] Duration choose_timeout(World& world);
[[nodiscard]] Deed choose_deed(World& world);

}  // namespace copg::sim
