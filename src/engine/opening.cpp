// Background: how a connection is made. It asks for credentials, connects, and lends the connection to
// `configure`, as far as the options say so.
#include <optional>
#include <string_view>
#include <utility>

#include "engine/background.hpp"
#include "engine/configure_call.hpp"
#include "engine/connect_failures.hpp"
#include "engine/credentials_call.hpp"
#include "engine/diagnosis.hpp"
#include "engine/size_warning.hpp"
#include "engine/timed_connect.hpp"
#include "pool/invariant.hpp"

namespace copg::engine {

namespace {

constexpr std::string_view behind_pooler =
    "a pooler stands between this pool and the server, so statements are not prepared. Set prepare to on "
    "if it keeps each connection's session, or follows prepared statements; set it to off if it does "
    "neither, and then mind that settings of the session, temporary tables and LISTEN are not kept either";

/// A step on the way to a connection: its time counts as time to open it.
BackgroundTask& step_ended(Slot& slot, Duration Slot::Opening::*step) {
  slot.opening.*step += now() - slot.work.task->started_at();
  return *slot.work.task;
}

}  // namespace

void Background::open(pool::ConnectionId connection) {
  slot_of(connection).opening = {.number = ++connections_};
  if (!setup_.options.credentials) return connect(connection, settings_);
  if (!credentials_ || now() >= credentials_expire_) return ask_credentials(connection);
  slot_of(connection).opening.with_old_credentials = true;
  connect(connection, with_credentials(settings_, *credentials_));
}

void Background::ask_credentials(pool::ConnectionId connection) {
  run(connection, std::make_unique<CredentialsCall>(setup_.options, unreturned_calls()), connect_timeout_,
      &Background::credentials_ended);
}

void Background::credentials_ended(pool::ConnectionId connection, BackgroundTask::End end) {
  BackgroundTask& task = step_ended(slot_of(connection), &Slot::Opening::credentials);
  if (auto error = task.take_error(end, "credentials did not return within connect_timeout"))
    return open_failed(connection, std::move(*error), pool::ConnectFailure::transient);
  credentials_ = static_cast<CredentialsCall&>(task.operation()).credentials();
  credentials_expire_ = after(now(), duration_of(setup_.options.credentials_ttl));
  connect(connection, with_credentials(settings_, *credentials_));
}

void Background::connect(pool::ConnectionId connection, pq::ConnectSettings settings) {
  // Once, for the first connect, and only where somebody hears of it.
  if (setup_.events.wants(Hook::warned) && !std::exchange(room_asked_, true))
    settings.ask_room = slot_of(connection).opening.asks_room = true;
  run(connection, std::make_unique<TimedConnect>(std::move(settings)), connect_timeout_,
      &Background::connect_ended);
}

void Background::connect_ended(pool::ConnectionId connection, BackgroundTask::End end) {
  Slot& slot = slot_of(connection);
  BackgroundTask& task = step_ended(slot, &Slot::Opening::connect);
  auto& operation = static_cast<TimedConnect&>(task.operation());
  if (end == BackgroundTask::End::timed_out && operation.try_next_host())
    return run(connection, task.take_operation(), connect_timeout_, &Background::connect_ended);
  if (auto error = task.take_error(end, "the server did not answer within connect_timeout")) {
    const bool refused = end == BackgroundTask::End::done;
    const bool by_password = refused && error->sqlstate.text() == "28P01";
    if (by_password && std::exchange(slot_of(connection).opening.with_old_credentials, false))
      return ask_credentials(connection);
    return open_failed(connection, std::move(*error),
                       refused ? failure_of(operation.failure()) : pool::ConnectFailure::transient);
  }
  slot.opening.phases = operation.times();
  slot.opening.room = operation.room();
  auto made = operation.take_connection();
  slot.opening.backend_pid = made->backend_pid();
  if (setup_.options.configure) return configure(connection, std::move(made), &Background::configured_new);
  opened(connection, std::move(made));
}

void Background::configure(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made, Ended ended) {
  lend(connection, std::move(made), detail::Hook::configure, connect_timeout_, ended);
}

void Background::lend(pool::ConnectionId connection, std::unique_ptr<pq::Connection> lent, detail::Hook hook,
                      Duration timeout, Ended ended) {
  run(connection,
      std::make_unique<ConfigureCall>(engine_.lock(), setup_.call_configure, hook,
                                      ConfigureCall::Lent{std::move(lent), slot_of(connection).opening},
                                      unreturned_calls()),
      timeout, ended);
}

void Background::configured_new(pool::ConnectionId connection, BackgroundTask::End end) {
  BackgroundTask& task = step_ended(slot_of(connection), &Slot::Opening::configure);
  if (auto error = task.take_error(end, too_slow_to_configure))
    return open_failed(connection, std::move(*error), pool::ConnectFailure::transient);
  opened(connection, static_cast<ConfigureCall&>(task.operation()).take_connection());
}

void Background::opened(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made) {
  Slot& slot = slot_of(connection);
  slot.work.task.reset();
  watch(connection, made->fd());
  if (setup_.events.wants(Hook::noticed)) {  // the connection dies before its pool
    made->tell_notices([&events = setup_.events, where = setup_.events.at(slot)](const Notice& notice) {
      events.tell(event::Noticed{where, notice});
    });
  }
  pool::Outage outage;
  TimePoint at{};
  const Slot::Opening opening = slot.opening;  // the slot may have another once the mutex is free
  const event::Event where = setup_.events.at(slot);
  {
    const Locked state(shared_);
    pool::invariant(!slot.connection, "a slot in which a connection is opened has none");
    slot.connection = std::move(made);
    slot.work.open = true;  // before a caller has it, who may take it out of the pool
    slot.opening.at = at = now();
    state->connect_error.reset();
    outage = state->core->outage();
    state->core->on_connected(at, connection);
    opening.phases.add_to(state->measures.phases);
    if (opening.credentials > Duration::zero())
      state->measures.phases[ConnectPhase::credentials].record(opening.credentials);
    if (opening.configure > Duration::zero())
      state->measures.phases[ConnectPhase::configure].record(opening.configure);
    if (state->core->outage().failures > 0) outage.failures = 0;  // too late: the core has given it up
    state->dispatch();
  }
  setup_.events.tell(
      event::Opened{where, opening.took(), opening.credentials, opening.connect, opening.configure});
  const auto warning = opening.room ? size_warning(setup_.options, *opening.room) : std::nullopt;
  if (warning) setup_.events.tell(event::Warned{where, *warning});
  if (setup_.options.prepare == PrepareMode::automatic && settings_.memory->behind_pooler &&
      !std::exchange(pooler_told_, true))
    setup_.events.tell(event::Warned{where, behind_pooler});
  if (outage.failures > 0)
    setup_.events.tell(event::OutageEnded{setup_.events.at(), at - outage.since, outage.failures});
}

void Background::open_failed(pool::ConnectionId connection, ErrorInfo error, pool::ConnectFailure failure) {
  Slot& slot = slot_of(connection);
  slot.work.task.reset();
  if (slot.opening.asks_room) room_asked_ = false;
  const event::Event where = setup_.events.at(slot);
  bool began = false;
  bool last = false;
  {
    const Locked state(shared_);
    state->note_connect_error(error);
    const std::uint64_t failures = state->core->outage().failures;
    state->core->on_connect_failed(state->connect_error_at, connection, failure);
    began = failures == 0 && state->core->outage().failures > 0;
    last = state->core->empty();
    state->dispatch();
  }
  if (last) end_watch();  // as in drop_connection
  setup_.events.tell(event::OpenFailed{where, error});
  if (!began || !setup_.events.wants(Hook::outage_began)) return;
  error.message = cannot_connect(setup_, error);
  setup_.events.tell(event::OutageBegan{setup_.events.at(), error});
}

}  // namespace copg::engine
