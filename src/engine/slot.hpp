// A slot of the pool: its connection, who has that, and the background work on it.
//
// The slot has one owner at a time: the caller while it is leased, else the background. The owner changes
// under the mutex of the state.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/activity.hpp"
#include "engine/background_task.hpp"
#include "engine/clock.hpp"
#include "engine/deadline_listener.hpp"
#include "engine/descriptor.hpp"
#include "engine/holder.hpp"
#include "engine/lease_latch.hpp"
#include "engine/measures.hpp"
#include "engine/mends.hpp"
#include "engine/operation_times.hpp"
#include "engine/run.hpp"
#include "engine/socket_waiter.hpp"
#include "pool/pool_core.hpp"
#include "pq/connection.hpp"
#include "pq/server_room.hpp"

namespace copg::engine {

struct State;

struct Slot {
  // For the owner only.
  std::unique_ptr<pq::Connection> connection;
  SocketWaiter socket_waiter;  // on the connection's socket
  LeaseLatch latch;
  Activity activity;               // of the lease; others read it
  TimePoint answered_at{};         // the end of the last lease whose answers all came
  OperationTimes operation_times;  // of this lease, which others read
  bool lease_told = false;         // observers were told of the lease, and will be of its end

  // Read by the owner; changed with the mutex held, the descriptor also when its event loop goes away.
  Descriptor descriptor;
  std::unique_ptr<Run> run;  // the statements that travel on the connection for several callers

  /// How it is leased. Read by the owner; changed by the owner, and read by others, with the mutex held.
  struct Tenancy {
    Holder holder;
    TimePoint since{};    // none: it is not leased
    Duration patience{};  // what was left of the time to get a connection
    HolderName name{};    // what the program calls the lease; empty: nothing

    [[nodiscard]] std::string text() const { return holder.text(name.view()); }
  };
  [[nodiscard]] const Tenancy& tenancy() const noexcept { return tenancy_; }
  [[nodiscard]] Tenancy& tenancy(State& /*held*/) noexcept { return tenancy_; }

  /// What others read and change, with the mutex held.
  struct Guarded {
    bool leak_reported = false;
    TimePoint idle_reported{};        // of the lease: the beginning of the idle time that was reported last
    bool left = false;                // cut off with no caller inside, so that the background must close it
    pool::ConnectionId connection{};  // of the lease
    DeadlineListener* listener = nullptr;  // of the call on the lease, if its shell has no thread
    TimePoint deadline = pool::never;
  };
  [[nodiscard]] Guarded& guarded(State& /*held*/) noexcept { return guarded_; }

  /// What the background does to the connection. For the background only.
  struct Work {
    std::unique_ptr<BackgroundTask> task;
    TimePoint reset_since{};
    ResetCause reset_cause = ResetCause::always;
    bool return_told = false;  // to on_return, since the last lease
    pool::Action closing{};    // once the connection is being closed: which one, and why
    std::string end;           // why it could not be kept, if the connection itself does not know
    bool open = false;         // the observer was told that it is open
    bool watched = false;      // the background is told when the server hangs up
  };
  Work work;

  /// How the connection was made. For the background until it is open, then for the owner to read.
  struct Opening {
    TimePoint at{};
    std::uint64_t number = 0;  // of the connections of this pool, from 1; of a loan too
    int backend_pid = 0;
    Duration credentials{};  // what each step has taken, so far
    Duration connect{};
    Duration configure{};
    [[nodiscard]] Duration took() const noexcept { return credentials + connect + configure; }
    bool with_old_credentials = false;  // given for an earlier connect
    PhaseTimes phases{};
    bool asks_room = false;
    std::optional<pq::ServerRoom> room{};  // of the server, if it has told
  };
  Opening opening;

  /// Called by the owner.
  void lease_ends(State& held) noexcept {
    if (lease_told || !stands(Mend::untold_lease)) [[unlikely]]
      tell_lease_ends(held);
    tenancy(held).since = {};
    unwatch_deadline(held);
    if (!operation_times.empty()) keep_operation_times(held);
  }
  void unwatch_deadline(State& held) noexcept {
    guarded(held).listener = nullptr;
    guarded(held).deadline = pool::never;
  }
  /// Called by the owner.
  void close_connection() noexcept {
    socket_waiter.close();
    connection.reset();
  }

 private:
  void keep_operation_times(State& held) noexcept;
  [[gnu::cold]] void tell_lease_ends(State& held) noexcept;

  Tenancy tenancy_;
  Guarded guarded_;
};

}  // namespace copg::engine
