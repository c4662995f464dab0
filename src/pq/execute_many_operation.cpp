// Parse once, then Bind and Execute for each row, or for many, one Sync at the end: without BEGIN that is one
// implicit transaction.
//
// The statement is parsed anew by each call, without a name: next to many rows that costs nothing, and a plan
// that has gone stale could not be retried, since the rows can be asked for only once.
#include "pq/execute_many_operation.hpp"

#include <charconv>
#include <cstring>
#include <functional>
#include <utility>

#include "pq/put_beginning.hpp"
#include "pq/row_joining.hpp"
#include "sql/text_hash.hpp"

namespace copg::pq {
namespace {

/// Not SQL, on purpose: it makes the server drop what was sent before it, and says why in the server's log.
constexpr const char* abort_text =
    "copg: the source of rows failed, or a row does not fit, so none of them is kept";

constexpr const char* set_savepoint = "SAVEPOINT copg_rows";
constexpr const char* roll_back_to_savepoint = "ROLLBACK TO SAVEPOINT copg_rows";
constexpr const char* release_savepoint = "RELEASE SAVEPOINT copg_rows";

}  // namespace

ExecuteManyOperation::ExecuteManyOperation(Connection& connection, std::string_view sql, RowSource& rows,
                                           BeginFirst begin, JoinableTexts* joinable, ReturnedRows* returned)
    : Exchange(connection, sql), rows_(rows), begin_(begin), joinable_(joinable), returned_(returned) {}

ExecuteManyOperation::~ExecuteManyOperation() {
  if (!talking()) return;
  connection_.note_statement("", traits_);
  if (question_) question_->use.give_up(connection_);
}

ErrorPtr ExecuteManyOperation::check() {
  if (ErrorPtr refusal = unsendable(sql_)) return refusal;
  traits_ = sql::text_traits(sql_);
  // COPY would swallow the messages behind it.
  if (traits_.copies) return usage_error("COPY does not go through execute_many", sql_);
  text_ = sql_;
  find_way();
  return nullptr;
}

void ExecuteManyOperation::find_way() {
  if (joinable_ == nullptr || connection_.in_failed_transaction() || !connection_.may_set_savepoint()) return;
  // The lexer takes it to be on.
  if (connection_.parameter_status("standard_conforming_strings") != "on") return;
  insert_ = sql::plain_insert(sql_);
  if (!insert_ || insert_->parameters != traits_.parameters) return;
  most_rows_ = most_rows_of_insert(insert_->parameters);
  if (most_rows_ == 1) return;
  kept_.emplace(insert_->parameters);
  way_ = Way::gathering;
}

bool ExecuteManyOperation::send() {
  if (rolling_back_) return PQsendQuery(connection_.raw(), "ROLLBACK") == 1;
  if (!enter_pipeline()) return false;
  if (repeating_) return put_rows_again();
  own_transaction_ = !begin_ && !connection_.in_transaction();
  if (way_ == Way::gathering) gather(fewest_joined_rows);
  const bool joins = way_ == Way::gathering && waiting() >= fewest_joined_rows;
  way_ = Way::single;
  if (begin_ && !put_begin()) return false;
  if (!joins) return send_more();
  // Of other transactions it is not known how isolated they are.
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;  // 2^64 through the golden ratio
  const bool in_transaction = !own_transaction_ && begin_ != BeginFirst::yes;
  hint_key_ = (sql::text_hash(sql_) + (in_transaction ? 1 : 0)) * odd;
  const JoinableTexts::Hint hint = joinable_->ask(hint_key_);
  if (hint == JoinableTexts::Hint::misfit) return send_more();
  if (in_transaction && !begin_span()) return false;
  way_ = hint == JoinableTexts::Hint::fits ? Way::joined : Way::asking;
  // The first statement locks the table, before the question is answered.
  if (!put_kept(way_ == Way::joined ? rows_of_next_insert(kept_->alike_from(0), most_rows_, false) : 1))
    return false;
  return put_question(way_ == Way::joined) && send_more();
}

bool ExecuteManyOperation::send_more() {
  if (finished_ || rolling_back_) return true;
  if (failed_) return finish();
  switch (way_) {
    case Way::asking: return put_while_asking();
    case Way::joined: return send_joined();
    case Way::gathering:
    case Way::single: break;
  }
  return send_single();
}

bool ExecuteManyOperation::send_single() {
  for (std::size_t bytes = 0; bytes < flush_at_bytes;) {
    if (rows_sent_ - rows_answered_ >= max_outstanding) return wait_for_answers();
    if (kept_ && next_kept_ < kept_->size()) {
      bytes += kept_->bytes_on_wire(next_kept_, 1);
      if (!put_kept(1)) return false;
      continue;
    }
    kept_.reset();
    if (!fetch_row()) return finish();
    bytes += bytes_of(row_);
    if (!put_row()) return false;
  }
  unflushed();
  return true;
}

bool ExecuteManyOperation::put_while_asking() {
  for (std::size_t bytes = 0; bytes < flush_at_bytes;) {
    if (rows_sent_ >= max_rows_while_asking) return wait_for_answers();
    gather(1);
    if (waiting() == 0) return finish();
    bytes += kept_->bytes_on_wire(next_kept_, 1);
    if (!put_kept(1)) return false;
  }
  unflushed();
  return true;
}

bool ExecuteManyOperation::send_joined() {
  for (std::size_t bytes = 0; bytes < flush_at_bytes;) {
    if (waiting() == 0 && kept_->bytes() >= max_kept_bytes) {
      if (!expected_.empty()) return wait_for_answers();
      // A pooler that works by statement, for which names are off, takes no BEGIN.
      if (own_transaction_ && !begun_ && !connection_.statements().may_name()) {
        way_ = Way::single;
        return send_single();
      }
      if (!begin_span()) return false;
    }
    gather(most_rows_);
    if (waiting() == 0) return finish();
    const std::size_t rows = kept_->alike_from(next_kept_);
    const std::size_t next = rows_of_next_insert(rows, most_rows_, false);
    bytes += kept_->bytes_on_wire(next_kept_, next);
    if (!put_kept(next)) return false;
  }
  unflushed();
  return true;
}

/// From here on rows are kept anew: those before it have been answered, and a savepoint keeps them.
bool ExecuteManyOperation::begin_span() {
  if (waiting() == 0) {
    kept_->clear();
    next_kept_ = 0;
  }
  span_begin_ = rows_answered_;
  span_affected_ = affected_;
  // A BEGIN behind other statements of a pipeline takes them into its transaction
  // (BeginTransactionBlock in xact.c).
  if (own_transaction_ && !begun_) {
    begun_ = true;
    if (!put_command("BEGIN")) return false;
  }
  if (savepoint_ && !put_command(release_savepoint)) return false;
  savepoint_ = true;
  connection_.savepoint_set();
  return put_command(set_savepoint);
}

bool ExecuteManyOperation::put_rows_again() {
  repeating_ = false;
  repeated_ = true;
  way_ = Way::single;
  failed_ = finished_ = false;
  expected_.clear();
  if (question_) question_->use.take_skip(connection_);
  question_.reset();
  next_kept_ = 0;
  rows_sent_ = rows_answered_ = span_begin_;
  affected_ = span_affected_;
  joined_statements_ = 0;
  flush_asked_at_ = -1;
  parsed_rows_ = 0;
  if (savepoint_) {
    if (!put_command(roll_back_to_savepoint)) return false;
  } else if (begin_ == BeginFirst::yes && (!put_command("ROLLBACK") || !put_command("BEGIN"))) {
    return false;
  }
  return send_more();
}

bool ExecuteManyOperation::put_question(bool raise) {
  question_.emplace(*insert_, raise);
  expect(Answer::question);
  parsed_rows_ = 0;  // it may take the place of the unnamed statement
  // It refuses nothing of ours.
  static_cast<void>(question_->use.look_up(connection_, changes_names(begin_)));
  return question_->use.put(connection_) && PQsendFlushRequest(connection_.raw()) == 1;
}

bool ExecuteManyOperation::put_begin() {
  parsed_rows_ = 0;
  expect(Answer::command);
  if (begin_->settings != nullptr) expect(Answer::settings);
  unflushed();
  return put_beginning(connection_, *begin_);
}

bool ExecuteManyOperation::put_command(const char* sql) {
  parsed_rows_ = 0;
  expect(Answer::command);
  unflushed();
  return send_plain(sql);
}

bool ExecuteManyOperation::put_kept(std::size_t count) {
  const std::size_t first = std::exchange(next_kept_, next_kept_ + count);
  return put(static_cast<std::int64_t>(count), kept_->types_of(first), kept_->values(first, count));
}

bool ExecuteManyOperation::put_row() {
  return put(
      1, {row_.types(), static_cast<std::size_t>(row_.size())},
      {.size = row_.size(), .values = row_.values(), .lengths = row_.lengths(), .formats = row_.formats()});
}

bool ExecuteManyOperation::put(std::int64_t rows, std::span<const Oid> types,
                               const KeptRows::Values& values) {
  PGconn* conn = connection_.raw();
  if (parsed_rows_ != rows || !types_fit(types_, types)) {
    parsed_rows_ = rows;
    types_.assign(types.begin(), types.end());
    expect(Answer::parse, rows);
    if (rows == 1) {
      if (PQsendPrepare(conn, "", text_.c_str(), values.size, types_.data()) != 1) return false;
    } else {
      std::vector<Oid> all;
      all.reserve(static_cast<std::size_t>(values.size));
      for (std::int64_t row = 0; row < rows; ++row) all.insert(all.end(), types.begin(), types.end());
      const std::string text = text_of_rows(sql_, *insert_, static_cast<std::size_t>(rows));
      if (PQsendPrepare(conn, "", text.c_str(), values.size, all.data()) != 1) return false;
    }
  }
  expect(Answer::rows, rows);
  rows_sent_ += rows;
  return PQsendQueryPrepared(conn, "", values.size, values.values, values.lengths, values.formats, 0) == 1;
}

/// Puts nothing until the server has answered; answers that it holds back are asked for once.
bool ExecuteManyOperation::wait_for_answers() {
  if (std::exchange(flush_asked_at_, rows_sent_) == rows_sent_) return true;
  unflushed();
  return PQsendFlushRequest(connection_.raw()) == 1;
}

bool ExecuteManyOperation::finish() {
  finished_ = true;
  unflushed();
  if (ended_early_ && !failed_ && rows_fetched_ > 0) {
    aborting_ = true;
    expect(Answer::abort);
    if (!send_plain(abort_text)) return false;
  } else if (!failed_) {
    if (savepoint_ && !put_command(release_savepoint)) return false;
    if (begun_ && !put_command("COMMIT")) return false;
  }
  return send_sync();
}

bool ExecuteManyOperation::fetch_row() {
  row_.clear();
  if (source_ended_) return false;
  ErrorPtr error;
  try {
    source_ended_ = !rows_.next(row_);
    if (source_ended_) return false;
    error = wrong_number(traits_.parameters, row_.size(), sql_);
    if (!error) {
      ++rows_fetched_;
      return true;
    }
    if (rows_fetched_ > 0) error->message += "; nothing was kept";
  } catch (...) {
    source_error_ = std::current_exception();
    error = usage_error("the source of rows threw an exception: nothing was kept", sql_);
  }
  ended_early_ = source_ended_ = true;
  error->row_index = rows_fetched_;
  keep_error(std::move(error));
  return false;
}

/// Rows kept and not put.
std::size_t ExecuteManyOperation::waiting() const noexcept { return kept_->size() - next_kept_; }

/// Fetches until so many rows wait, or as many as may be joined.
void ExecuteManyOperation::gather(std::size_t count) {
  std::size_t bytes = kept_->bytes_of(next_kept_, waiting());
  while (waiting() < count && bytes < max_joined_bytes && fetch_row()) {
    kept_->add(row_);
    bytes += kept_->bytes_of(kept_->size() - 1, 1);
  }
}

void ExecuteManyOperation::expect(Answer what, std::int64_t rows) {
  if (!expected_.empty() && what == Answer::rows) {
    Expected& last = expected_.back();
    if (last.what == what && last.rows == rows) {
      ++last.count;
      return;
    }
  }
  expected_.push_back({.what = what, .rows = rows});
}

void ExecuteManyOperation::pop_answer() {
  if (--expected_.front().count == 0) expected_.pop_front();
}

void ExecuteManyOperation::on_result(ResultPtr result) {
  switch (rolling_back_ ? Answer::end : next_answer()) {
    case Answer::settings:
      pop_answer();
      note_settings(connection_, *begin_->settings, result.get());
      break;
    case Answer::command:
    case Answer::parse:
    case Answer::abort: pop_answer(); break;
    case Answer::rows: take_rows(result.get()); break;
    case Answer::question: take_question(result.get()); break;
    case Answer::end: break;
  }
}

void ExecuteManyOperation::take_rows(const PGresult* result) {
  const std::int64_t rows = expected_.front().rows;
  pop_answer();
  rows_answered_ += rows;
  if (rows > 1) ++joined_statements_;
  connection_.note_statement(command_tag(result), traits_);
  const char* count = PQcmdTuples(const_cast<PGresult*>(result));
  std::int64_t affected = 0;
  std::from_chars(count, count + std::strlen(count), affected);
  affected_ += affected;
  if (returned_ != nullptr) returned_->add(result);
}

void ExecuteManyOperation::take_question(const PGresult* result) {
  if (!question_->use.take_result(connection_, result)) return;
  pop_answer();
  question_.reset();
  const bool fits = PQntuples(result) == 1 && PQgetisnull(result, 0, 0) == 0;
  timeout_on_server_ = !fits || std::string_view(PQgetvalue(result, 0, 0)) != "0";
  joinable_->note(hint_key_, fits);
  if (way_ == Way::asking) way_ = fits ? Way::joined : Way::single;
}

/// Whether the error is what it would be if no rows had been joined; else the rows must be sent again.
bool ExecuteManyOperation::is_of_row(const ErrorInfo& error) const noexcept {
  if (!kept_ || way_ == Way::single) return true;
  if (has_kept_error()) return true;  // the source's, which came first
  switch (next_answer()) {
    case Answer::question: return false;
    case Answer::parse:
    case Answer::rows: break;
    case Answer::command:
    case Answer::settings:
    case Answer::abort:
    case Answer::end: return true;
  }
  if (expected_.front().rows == 1) return true;
  // Somebody has cancelled it: to go on would be to ignore that.
  return is_query_canceled(error.sqlstate) && !timeout_on_server_;
}

void ExecuteManyOperation::on_error(ErrorPtr error, const PGresult* result) {
  if (rolling_back_) return;
  const Answer answer = next_answer();
  if (answer == Answer::end && aborting_) return;  // as it should
  if (answer == Answer::abort) return;
  failed_ = true;
  connection_.note_statement("", traits_);
  if (!is_of_row(*error)) {
    if (answer == Answer::question) {
      static_cast<void>(question_->use.take_error(connection_, *error, result));
      question_.reset();
      // Its own way of saying no, or a catalog that may not be read. A lost name and a cancel say nothing.
      if (!is_undefined_statement(error->sqlstate) && !is_query_canceled(error->sqlstate))
        joinable_->note(hint_key_, false);
    }
    repeating_ = !repeated_;
    return;
  }
  // The first Parse fails for the statement's sake, a later one for the types of its row; at the end, a
  // deferred constraint does not say which row broke it.
  const bool of_row = answer == Answer::rows || (answer == Answer::parse && rows_answered_ > 0);
  if (of_row) error->row_index = rows_answered_;
  if (answer == Answer::settings) error->query = begin_->settings->sql;
  keep_error(std::move(error));
}

bool ExecuteManyOperation::again() {
  if (repeating_) return true;
  // An implicit transaction has ended by itself.
  if (rolling_back_ || !begun_ || !connection_.in_transaction()) return false;
  rolling_back_ = true;
  return true;
}

ErrorPtr ExecuteManyOperation::lost(ErrorPtr error) {
  return commits() ? commit_unknown(std::move(error)) : std::move(error);
}

}  // namespace copg::pq
