// Parse once, then Bind and Execute for each row, one Sync at the end: without BEGIN that is one implicit
// transaction.
//
// The statement is parsed anew by each call, without a name: next to many rows that costs nothing, and a plan
// that has gone stale could not be retried, since the rows can be asked for only once.
#include "pq/execute_many_operation.hpp"

#include <charconv>
#include <cstring>
#include <utility>

namespace copg::pq {
namespace {

/// Not SQL, on purpose: it makes the server drop what was sent before it, and says why in the server's log.
constexpr const char* abort_text =
    "copg: the source of rows failed, or a row does not fit, so none of them is kept";

}  // namespace

ExecuteManyOperation::ExecuteManyOperation(Connection& connection, std::string_view sql, RowSource& rows,
                                           BeginFirst begin)
    : Exchange(connection, sql), rows_(rows), begin_(begin) {}

ExecuteManyOperation::~ExecuteManyOperation() {
  if (talking()) connection_.note_statement("", traits_);
}

ErrorPtr ExecuteManyOperation::check() {
  if (ErrorPtr refusal = unsendable(sql_)) return refusal;
  traits_ = sql::text_traits(sql_);
  // COPY would swallow the messages behind it.
  if (traits_.copies) return usage_error("COPY does not go through execute_many", sql_);
  text_ = sql_;
  return nullptr;
}

bool ExecuteManyOperation::send() {
  own_transaction_ = begin_ == BeginFirst::no && !connection_.in_transaction();
  if (!enter_pipeline()) return false;
  if (begin_ == BeginFirst::yes) {
    begin_pending_ = true;
    if (!send_plain("BEGIN")) return false;
  }
  return send_more();
}

bool ExecuteManyOperation::send_more() {
  if (finished_) return true;
  std::size_t bytes = 0;
  while (!failed_ && bytes < flush_at_bytes) {
    if (rows_sent_ - rows_answered_ >= max_outstanding) {
      if (std::exchange(flush_asked_at_, rows_sent_) == rows_sent_) return true;
      unflushed();
      return PQsendFlushRequest(connection_.raw()) == 1;
    }
    if (!fetch_row()) return finish();
    bytes += bytes_of(row_);
    if (!send_row()) return false;
  }
  if (failed_) return finish();
  unflushed();
  return true;
}

bool ExecuteManyOperation::fetch_row() {
  row_.clear();
  ErrorPtr error;
  try {
    if (!rows_.next(row_)) return false;
    error = wrong_number(traits_.parameters, row_.size(), sql_);
    if (!error) return true;
    if (rows_sent_ > 0) error->message += "; nothing was kept";
  } catch (...) {
    source_error_ = std::current_exception();
    error = usage_error("the source of rows threw an exception: nothing was kept", sql_);
  }
  ended_early_ = true;
  error->row_index = rows_sent_;
  keep_error(std::move(error));
  return false;
}

/// Types that the row leaves open, and those that the server was left to find, fit anything: values travel as
/// text.
bool ExecuteManyOperation::parsed_for_row() const noexcept {
  if (!parsed_ || types_.size() != static_cast<std::size_t>(row_.size())) return false;
  const Oid* types = row_.types();
  for (std::size_t i = 0; i < types_.size(); ++i) {
    if (types[i] != types_[i] && types[i] != 0 && types_[i] != 0) return false;
  }
  return true;
}

bool ExecuteManyOperation::send_row() {
  PGconn* conn = connection_.raw();
  if (!parsed_for_row()) {
    parsed_ = true;
    types_.assign(row_.types(), row_.types() + row_.size());
    parse_pending_.push_back(rows_sent_);
    if (PQsendPrepare(conn, "", text_.c_str(), row_.size(), row_.types()) != 1) return false;
  }
  ++rows_sent_;
  return PQsendQueryPrepared(conn, "", row_.size(), row_.values(), row_.lengths(), row_.formats(), 0) == 1;
}

bool ExecuteManyOperation::finish() {
  finished_ = true;
  unflushed();
  if (ended_early_ && !failed_ && rows_sent_ > 0) {
    aborting_ = true;
    if (!send_plain(abort_text)) return false;
  }
  return send_sync();
}

ExecuteManyOperation::Answer ExecuteManyOperation::next_answer() noexcept {
  if (begin_pending_) return Answer::begin;
  if (!parse_pending_.empty() && parse_pending_.front() == rows_answered_) return Answer::parse;
  return rows_answered_ < rows_sent_ ? Answer::row : Answer::end;
}

void ExecuteManyOperation::on_result(ResultPtr result) {
  switch (next_answer()) {
    case Answer::begin: begin_pending_ = false; break;
    case Answer::parse: parse_pending_.pop_front(); break;
    case Answer::row: {
      ++rows_answered_;
      connection_.note_statement(command_tag(result.get()), traits_);
      const char* count = PQcmdTuples(result.get());
      std::int64_t rows = 0;
      std::from_chars(count, count + std::strlen(count), rows);
      affected_ += rows;
      break;
    }
    case Answer::end: break;
  }
}

void ExecuteManyOperation::on_error(ErrorPtr error, const PGresult* /*result*/) {
  const Answer answer = next_answer();
  if (answer == Answer::end && aborting_) return;  // as it should
  // The first Parse fails for the statement's sake, a later one for the types of its row; at the end, a
  // deferred constraint does not say which row broke it.
  const bool of_row = answer == Answer::row || (answer == Answer::parse && rows_answered_ > 0);
  if (of_row) error->row_index = rows_answered_;
  failed_ = true;
  connection_.note_statement("", traits_);
  keep_error(std::move(error));
}

ErrorPtr ExecuteManyOperation::lost(ErrorPtr error) {
  return commits() ? commit_unknown(std::move(error)) : std::move(error);
}

}  // namespace copg::pq
