// Puts statements as the socket takes them, and hands out their answers, Sync by Sync.
#include "pq/pipeline_operation.hpp"

#include <algorithm>
#include <utility>

#include "os/sockets.hpp"
#include "pq/advice.hpp"
#include "pq/late_symbols.hpp"
#include "pq/pipeline_refusals.hpp"
#include "pq/put_beginning.hpp"
#include "pq/result_access.hpp"

namespace copg::pq {
namespace {

/// Before libpq 17 every Sync is a send(2), and with TCP_NODELAY, which libpq sets, a packet: this keeps the
/// packets together. Nothing of the kind exists for a Unix socket.
class Cork {
 public:
  Cork(const PGconn* conn, bool several) noexcept
      : conn_(conn), corked_(several && PQhostaddr(conn)[0] != '\0' && !has_send_pipeline_sync()) {
    set(true);
  }
  Cork(const Cork&) = delete;
  Cork& operator=(const Cork&) = delete;
  ~Cork() { set(false); }

 private:
  void set(bool on) const noexcept {
    // Asked each time: libpq closes a lost connection's at once, and it may be another's by now.
    const int fd = corked_ ? PQsocket(conn_) : -1;
    if (fd >= 0) os::hold_packets(fd, on);
  }

  const PGconn* conn_;
  bool corked_;
};

}  // namespace

PipelineOperation::PipelineOperation(Connection& connection, std::span<const PipelineStatement> statements,
                                     PipelineSink& sink, PipelineOrder order, BeginFirst begin)
    : Exchange(connection, ""),
      statements_(statements),
      sink_(sink),
      order_(order),
      begin_(begin),
      outcomes_(statements.size(), PipelineOutcome::never_sent) {}

PipelineOperation::~PipelineOperation() {
  if (!talking()) return;
  for (Flight& flight : flights_) flight.use.give_up(connection_);
}

bool PipelineOperation::commits() const noexcept {
  return std::ranges::any_of(flights_, [](const Flight& flight) { return flight.use.traits().commits; });
}

std::size_t PipelineOperation::left_to_put() const noexcept {
  return again_.size() + statements_.size() - next_;
}

bool PipelineOperation::may_put() const noexcept {
  return left_to_put() > 0 && shared_ != Shared::closed && connection_.alive();
}

bool PipelineOperation::send() {
  open_ = begin_ || connection_.in_transaction();
  alone_ = !open_;
  nameless_ = changes_names(begin_);
  if (!enter_pipeline() || !send_more()) return false;
  // All refused: an empty round trip ends the pipeline like any other.
  return !flights_.empty() || send_sync();
}

bool PipelineOperation::send_more() {
  if (!may_put()) return true;
  const Cork cork(connection_.raw(), left_to_put() > 1);
  unflushed();
  for (std::size_t bytes = 0; bytes < batch_bytes && may_put();) {
    const PipelineStatement& statement = statements_[again_.empty() ? next_ : again_.front()];
    bytes += bytes_of(statement.params) + statement.sql.size();
    if (!put_next()) return false;
  }
  return connection_.alive();
}

bool PipelineOperation::put_next() {
  const bool again = !again_.empty();
  const std::size_t index = again ? again_.front() : next_++;
  if (again) again_.pop_front();
  const PipelineStatement& statement = statements_[index];
  StatementUse use(statement.sql, statement.params);
  ErrorPtr refusal = use.look_up(connection_, nameless_);
  if (!refusal) refusal = unfit_for_pipeline(use.traits(), statement.sql);
  if (alone_) use.stands_alone();
  if (!refusal) return put({.index = index, .again = again, .use = use});
  fail_one(index, std::move(refusal));
  return shared_ != Shared::open || left_to_put() > 0 || send_last_sync();
}

bool PipelineOperation::put(const Flight& flight) {
  if (begin_ && !begin_put_) {
    begin_put_ = true;
    shared_ = Shared::open;
    begin_pending_ = begin_->settings == nullptr ? 1 : 2;
    if (!put_beginning(connection_, *begin_)) return false;
  }
  outcomes_[flight.index] = PipelineOutcome::unknown;
  Flight& put = flights_.emplace_back(flight);
  if (!put.use.put(connection_)) return false;
  const bool transacts = put.use.traits().transacts;
  nameless_ = nameless_ || may_change_names(put.use.traits());
  alone_ = alone_ && !transacts;
  // What stands behind the end of the transaction has a Sync of its own.
  if (shared_ == Shared::open && left_to_put() > 0 && !transacts) return true;
  return send_last_sync();
}

bool PipelineOperation::may_change_names(const sql::TextTraits& traits) const noexcept {
  return traits.path != sql::PathEffect::none || (traits.transacts && connection_.path().watched());
}

bool PipelineOperation::send_last_sync() {
  if (shared_ == Shared::open) shared_ = Shared::closed;
  if (!flights_.empty()) flights_.back().synced = true;
  return send_sync();
}

void PipelineOperation::on_result(ResultPtr result) {
  if (flights_.empty()) return;
  if (begin_pending_ > 0) {
    if (--begin_pending_ == 0 && begin_->settings != nullptr)
      note_settings(connection_, *begin_->settings, result.get());
    return;
  }
  Flight& front = flights_.front();
  if (!front.use.take_result(connection_, result.get())) return;
  if (front.use.traits().commits && command_tag(result.get()) == "ROLLBACK")
    failure_ = commit_rolled_back(statements_[front.index].sql);
  if (front.use.traits().transacts) note_transaction(command_tag(result.get()));
  result_ = std::move(result);
  // With a Sync behind it, it may yet fail there: that commits, where no transaction was open.
  if (!front.synced) end_front();
}

void PipelineOperation::note_transaction(std::string_view tag) noexcept {
  if (tag == "BEGIN" || tag == "START TRANSACTION") open_ = true;
  const bool to_savepoint = flights_.front().use.traits().path == sql::PathEffect::undoes;
  if (tag == "COMMIT" || tag == "PREPARE TRANSACTION" || (tag == "ROLLBACK" && !to_savepoint)) open_ = false;
}

void PipelineOperation::on_error(ErrorPtr error, const PGresult* result) {
  if (begin_pending_ == 1 && begin_->settings != nullptr) error->query = begin_->settings->sql;
  if (begin_pending_ > 0 || flights_.empty()) return keep_error(std::move(error));
  Flight& front = flights_.front();
  stale_plan_ = front.use.take_error(connection_, *error, result);
  if (!failure_) failure_ = std::move(error);
  if (!front.synced) end_front();
}

void PipelineOperation::on_copy() {
  if (flights_.empty()) return;
  failure_ = copy_in_pipeline(statements_[flights_.front().index].sql);
}

void PipelineOperation::on_refused_rows(ErrorPtr error) {
  error->message += "; the statement was executed";
  if (!flights_.empty()) failure_ = std::move(error);
}

void PipelineOperation::on_sync() {
  shared_ = Shared::none;
  for (bool last = flights_.empty(); !last;) {
    const Flight& front = flights_.front();
    last = front.synced;
    const bool skipped = !result_ && !failure_;  // an error before it, under the same Sync
    const bool refused = stale_plan_ && alone_ && (order_ == PipelineOrder::free || flights_.size() == 1);
    if (begin_pending_ > 0) {
      failure_ = std::make_unique<ErrorInfo>(kept_error());
      end_front();
    } else if ((skipped || refused) && !front.again) {
      put_back_front();
    } else {
      end_front();
    }
  }
  if (begin_pending_ > 0) next_ = statements_.size();
}

void PipelineOperation::put_back_front() {
  Flight& front = flights_.front();
  front.use.take_skip(connection_);
  again_.push_back(front.index);
  flights_.pop_front();
  failure_.reset();
  stale_plan_ = false;
  connection_.notices().forget();
}

void PipelineOperation::end_front() {
  Flight& front = flights_.front();
  front.use.take_skip(connection_);
  const std::size_t index = front.index;
  using detail::Effect;
  const Effect effect = front.use.traits().reads ? Effect::none
                        : open_                  ? Effect::in_transaction
                                                 : Effect::committed;
  flights_.pop_front();
  ResultPtr result = std::move(result_);
  stale_plan_ = false;
  if (failure_) {
    connection_.notices().forget();
    return fail_one(index, std::move(failure_));
  }
  outcomes_[index] = PipelineOutcome::answered;
  sink_.on_result(index, ResultAccess::make(std::move(result), effect, &connection_.notices()));
}

void PipelineOperation::fail_one(std::size_t index, ErrorPtr error) {
  outcomes_[index] = PipelineOutcome::failed;
  if (begin_pending_ == 0 || error->query.empty()) error->query = statements_[index].sql;
  advise(*error);
  connection_.note_error(*error);
  sink_.on_error(index, std::move(*error));
}

ErrorPtr PipelineOperation::lost(ErrorPtr error) {
  // The server's verdict is final, though its ReadyForQuery never came.
  if (failure_) end_front();
  for (std::size_t i = 0; i < next_; ++i) {
    if (outcomes_[i] != PipelineOutcome::unknown) continue;
    auto copy = std::make_unique<ErrorInfo>(*error);
    const bool commits = sql::text_traits(statements_[i].sql).commits;
    const ErrorPtr unknown = commits ? commit_unknown(std::move(copy)) : statement_unknown(std::move(copy));
    unknown->query = statements_[i].sql;
    sink_.on_error(i, std::move(*unknown));
  }
  return error;
}

}  // namespace copg::pq
