// Background: what proves a connection good, and its session clean: resets and checks.
#include <utility>

#include "engine/background.hpp"
#include "engine/configure_call.hpp"
#include "engine/verdict_on.hpp"
#include "pq/check_operation.hpp"
#include "pq/reset_operation.hpp"

namespace copg::engine {

namespace {

/// What is found first. Full resets come after each lease, and so does on_return.
ResetCause cause_of_reset(const pq::Connection& connection, ResetMode mode) {
  if (!connection.protocol_idle()) return ResetCause::unfinished;
  if (connection.in_transaction()) return ResetCause::transaction;
  if (mode == ResetMode::full) return ResetCause::always;
  return mode == ResetMode::tracked && !connection.clean() ? ResetCause::session : ResetCause::on_return;
}

/// What a reset or a check has shown.
struct Proof {
  bool gone = false;    // the connection
  bool failed = false;  // the operation
};

Proof proof_of(Slot& slot, BackgroundTask::End end) {
  pq::Connection& connection = *slot.connection;
  const auto error = slot.work.task->take_error(end, "the server did not answer within connect_timeout");
  const Proof proof{.gone = connection.lost() || connection.fatal_notice_seen(),
                    .failed = error || !connection.alive()};
  if (proof.failed) {
    slot.work.end = error ? error->message : std::string();
    connection.mark_dead();  // a cancel was tried: it isn't tried again at the goodbye
  }
  return proof;
}

}  // namespace

void Background::reset(pool::ConnectionId connection) {
  Slot& slot = slot_of(connection);
  slot.work.reset_since = now();
  slot.work.reset_cause = cause_of_reset(*slot.connection, setup_.options.reset);
  // Where on_return must be called, a session that is clean comes here, too.
  const bool only_told =
      setup_.options.on_return && verdict_on(*slot.connection, setup_.options.reset) == Disposition::clean;
  only_told ? tell_returned(connection) : wipe(connection);
}

void Background::wipe(pool::ConnectionId connection) {
  Slot& slot = slot_of(connection);
  run(connection, std::make_unique<pq::ResetOperation>(*slot.connection, setup_.options.reset),
      connect_timeout_, &Background::wiped);
}

/// Where the server has hung up, nothing needs to be asked.
void Background::check(pool::ConnectionId connection) {
  Slot& slot = slot_of(connection);
  take_back_descriptor(shared_, slot);
  if (!slot.connection->looks_alive())
    return check_ended(connection, after_hang_up(slot.connection->server_ends(), slot.work.watched));
  run_beside(connection, std::make_unique<pq::CheckOperation>(*slot.connection), connect_timeout_,
             &Background::checked);
}

void Background::checked(pool::ConnectionId connection, BackgroundTask::End end) {
  Slot& slot = slot_of(connection);
  const Proof proof = proof_of(slot, end);
  slot.work.task.reset();
  check_ended(connection, after_check(proof.gone, proof.failed));
}

void Background::check_ended(pool::ConnectionId connection, pool::Disposition disposition) {
  const Locked state(shared_);
  state->core->on_check_done(now(), connection, disposition);
  state->dispatch();
}

void Background::wiped(pool::ConnectionId connection, BackgroundTask::End end) {
  Slot& slot = slot_of(connection);
  const Proof proof = proof_of(slot, end);
  const pool::Disposition disposition = after_reset(proof.gone, proof.failed);
  const bool wiped = static_cast<pq::ResetOperation&>(slot.work.task->operation()).wiped();
  if (disposition == pool::Disposition::clean && setup_.options.configure && wiped) {
    return configure(connection, take_to_lend(slot), &Background::configured_again);
  }
  if (disposition != pool::Disposition::clean) return reset_ended(connection, disposition);
  tell_returned(connection);
}

std::unique_ptr<pq::Connection> Background::take_to_lend(Slot& slot) noexcept {
  take_back_descriptor(shared_, slot);
  slot.socket_waiter.close();
  return std::move(slot.connection);
}

void Background::configured_again(pool::ConnectionId connection, BackgroundTask::End end) {
  if (returned_by(connection, end, too_slow_to_configure)) tell_returned(connection);
}

/// Takes back what was lent. False: the function has failed, and the connection is closed. That says nothing
/// of the other connections.
bool Background::returned_by(pool::ConnectionId connection, BackgroundTask::End end, const char* too_slow) {
  Slot& slot = slot_of(connection);
  auto error = slot.work.task->take_error(end, too_slow);
  if (!error) {
    slot.connection = static_cast<ConfigureCall&>(slot.work.task->operation()).take_connection();
    return true;
  }
  slot.work.end = error->message;
  Locked(shared_)->note_connect_error(std::move(*error));
  reset_ended(connection, pool::Disposition::discard);
  return false;
}

/// The session is clean: calls on_return, once for each lease.
void Background::tell_returned(pool::ConnectionId connection) {
  Slot& slot = slot_of(connection);
  if (!setup_.options.on_return || std::exchange(slot.work.return_told, true))
    return reset_ended(connection, pool::Disposition::clean);
  lend(connection, take_to_lend(slot), detail::Hook::on_return, connect_timeout_, &Background::returned_told);
}

void Background::returned_told(pool::ConnectionId connection, BackgroundTask::End end) {
  if (!returned_by(connection, end, too_slow_on_return)) return;
  const Disposition left = verdict_on(*slot_of(connection).connection, setup_.options.reset);
  left == Disposition::needs_reset ? wipe(connection) : reset_ended(connection, left);
}

void Background::reset_ended(pool::ConnectionId connection, pool::Disposition disposition) {
  Slot& slot = slot_of(connection);
  const event::Event where = setup_.events.at(slot);
  const Duration taken = now() - slot.work.reset_since;
  slot.work.task.reset();
  slot.work.return_told = false;
  {
    const Locked state(shared_);
    state->measures.resets_by.add(slot.work.reset_cause);
    if (slot.connection) state->measures.cancels += slot.connection->take_cancels_sent();
    state->core->on_reset_done(now(), connection, disposition);
    state->dispatch();
  }
  setup_.events.tell(event::Reset{where, taken});
}

}  // namespace copg::engine
