// What stands in a slot of the pool: the connection, who has it, and the background work on it.
#pragma once

#include <memory>
#include <string>

#include "engine/answer_wait.hpp"
#include "engine/clock.hpp"
#include "engine/descriptor.hpp"
#include "engine/driver.hpp"
#include "engine/holder.hpp"
#include "engine/operation_run.hpp"
#include "engine/run.hpp"
#include "engine/use_guard.hpp"
#include "pool/pool_core.hpp"
#include "pq/connection.hpp"

namespace copg::engine {

struct Slot {
  // Of the lease while it is leased, of the background otherwise; handed over under the engine's mutex.
  std::unique_ptr<pq::Connection> connection;
  AnswerWait answer_wait;  // on the connection's socket
  UseGuard use;

  // Changed under the engine's mutex, by the owner alone: what travels on it for several callers. Its owner
  // may read it.
  std::unique_ptr<Run> statements;

  // Guarded by the engine's mutex.
  Holder holder;
  TimePoint leased_since{};
  TimePoint opened_at{};
  Duration patience{};      // of the time to get a connection, what was left when this one was got
  TimePoint answered_at{};  // the end of the last lease whose answers all came
  bool leak_reported = false;
  bool left = false;         // cut off with nobody inside, and the background has its goodbye to say
  Driver* driver = nullptr;  // of the call on the lease, if its shell has no thread
  TimePoint drive_until = pool::never;
  // Changed under the mutex, by the owner of the connection or when its event loop goes away; its owner may
  // read it.
  Descriptor descriptor;

  /// With the mutex held.
  void lease_ends() noexcept {
    leased_since = {};
    driver = nullptr;
    drive_until = pool::never;
  }

  // Of the background alone: what is being done to the connection.
  std::unique_ptr<pq::Operation> operation;
  std::shared_ptr<OperationRun> run;
  TimePoint run_since{};
  Duration open_took{};  // by credentials, connect and configure so far; its owner may read it
  bool open = false;     // the observer was told that it is
  std::string end;       // why it could not be kept, where the connection itself does not know
  TimePoint reset_since{};
  pool::Action closing{};  // why, and of which connection, once it is being closed

  /// By the owner of the connection.
  void close_connection() noexcept {
    answer_wait.close();
    connection.reset();
  }
};

}  // namespace copg::engine
