// What stands in a slot of the pool: the connection, who has it, and the background work on it.
//
// It has one owner at a time: its caller while it is leased, the background otherwise. It changes hands under
// the mutex of the state.
#pragma once

#include <memory>
#include <string>

#include "engine/background_task.hpp"
#include "engine/clock.hpp"
#include "engine/deadline_listener.hpp"
#include "engine/descriptor.hpp"
#include "engine/holder.hpp"
#include "engine/lease_latch.hpp"
#include "engine/run.hpp"
#include "engine/socket_waiter.hpp"
#include "pool/pool_core.hpp"
#include "pq/connection.hpp"

namespace copg::engine {

struct State;

struct Slot {
  // The owner's.
  std::unique_ptr<pq::Connection> connection;
  SocketWaiter socket_waiter;  // on the connection's socket
  LeaseLatch latch;
  TimePoint answered_at{};  // the end of the last lease whose answers all came

  // The owner's to read; changed with the mutex held, the descriptor also when its event loop goes away.
  Descriptor descriptor;
  std::unique_ptr<Run> run;  // of statements that travel on it for several callers

  /// How it is leased. The owner's to read; changed by the owner, and read by others, with the mutex held.
  struct Tenancy {
    Holder holder;
    TimePoint since{};    // none: it is not leased
    Duration patience{};  // of the time to get a connection, what was left when this one was got
  };
  [[nodiscard]] const Tenancy& tenancy() const noexcept { return tenancy_; }
  [[nodiscard]] Tenancy& tenancy(State& /*held*/) noexcept { return tenancy_; }

  /// What others must know of it.
  struct Guarded {
    bool leak_reported = false;
    bool left = false;  // cut off with nobody inside, and the background has its goodbye to say
    DeadlineListener* listener = nullptr;  // of the call on the lease, if its shell has no thread
    TimePoint deadline = pool::never;
  };
  [[nodiscard]] Guarded& guarded(State& /*held*/) noexcept { return guarded_; }

  /// What is being done to the connection in the background, which has this to itself.
  struct Work {
    std::unique_ptr<BackgroundTask> task;
    TimePoint reset_since{};
    pool::Action closing{};  // why, and of which connection, once it is being closed
    std::string end;         // why it could not be kept, where the connection itself does not know
    bool open = false;       // the observer was told that it is
  };
  Work work;

  /// How the connection was made. The background's until it is opened, then the owner's to read.
  struct Opening {
    TimePoint at{};
    Duration took{};  // by credentials, connect and configure so far
  };
  Opening opening;

  /// By its owner.
  void lease_ends(State& held) noexcept {
    tenancy(held).since = {};
    unwatch_deadline(held);
  }
  void unwatch_deadline(State& held) noexcept {
    guarded(held).listener = nullptr;
    guarded(held).deadline = pool::never;
  }
  /// By the owner of the connection.
  void close_connection() noexcept {
    socket_waiter.close();
    connection.reset();
  }

 private:
  Tenancy tenancy_;
  Guarded guarded_;
};

}  // namespace copg::engine
