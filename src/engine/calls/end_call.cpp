#include "engine/calls/end_call.hpp"

#include <copg/error.hpp>

#include <utility>

#include "engine/raise.hpp"
#include "pq/errors.hpp"

namespace copg::engine {

pq::StatementOperation& EndCall::make(pq::Connection& connection) {
  // A loan to `configure` can't be exchanged.
  const ResolveCommits numbered = is_loan(lease_) ? ResolveCommits::never : engine_.options().resolve_commits;
  if (!doubt_) return end_.emplace(connection, job_.command, numbered);
  question_ = std::make_unique<pq::CommitQuestion>(connection, *doubt_, std::exchange(asked_, true));
  return *question_;
}

event::StatementBegan EndCall::shape() {
  const bool commit = job_.command == pq::TransactionCommand::commit;
  return commit ? shape_of(event::Verb::commit, "COMMIT") : shape_of(event::Verb::rollback, "ROLLBACK");
}

void EndCall::drop() noexcept {
  end_.reset();
  question_.reset();
}

EndCall::Progress EndCall::granted(TimePoint time) {
  if (!doubt_) return LeaseCall::granted(time);
  return ask([&] { return LeaseCall::granted(time); });
}

EndCall::Progress EndCall::advance(pq::Ready ready) {
  if (doubt_) {
    return ask([&] {
      const Progress progress = LeaseCall::advance(ready);
      return progress == Progress::done ? take_answer() : progress;
    });
  }
  const Progress progress = LeaseCall::advance(ready);
  if (progress != Progress::done || end_->error() == nullptr) return progress;
  if (end_->error()->kind == ErrorKind::commit_unknown) doubt_ = end_->doubt();
  if (!doubt_) return Progress::done;
  error_ = end_->take_error();
  return ask([this] { return ask_another(); });
}

template <class Step>
EndCall::Progress EndCall::ask(Step step) {
  try {
    return step();
  } catch (const Error& no_connection) {
    pq::tell_unasked(*error_, no_connection.info());
    return end_lease();
  }
}

EndCall::Progress EndCall::ask_another() {
  leave();
  return lease_ ? swap() : Progress::done;  // else cut off by `close`, just now
}

EndCall::Progress EndCall::take_answer() {
  if (const ErrorInfo* const error = question_->error()) {
    if (!error->connection_survives) return ask_another();
    pq::tell_unasked(*error_, *error);
    return end_lease();
  }
  switch (question_->fate()) {
    case pq::CommitFate::undecided: leave(); return lease_ ? enter(now()) : Progress::done;
    case pq::CommitFate::committed: error_.reset(); break;
    case pq::CommitFate::rolled_back: pq::tell_rolled_back(*error_); break;
    case pq::CommitFate::unknown: break;
  }
  return end_lease();
}

EndCall::Progress EndCall::end_lease() noexcept {
  leave();
  engine_.leases().release(lease_);
  return Progress::done;
}

void EndCall::take_result() {
  if (doubt_) {
    if (error_) raise_error(std::move(error_));
    return;
  }
  raise_error_of(*end_);
}

}  // namespace copg::engine
