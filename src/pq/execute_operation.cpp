// One statement on the wire, by the cheapest route that its text and its history on this connection allow.
#include "pq/execute_operation.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "pq/put_beginning.hpp"
#include "pq/result_access.hpp"

namespace copg::pq {
namespace {

ErrorPtr copies(std::string_view sql) {
  return usage_error("COPY with STDIN or STDOUT does not go through execute", sql);
}

}  // namespace

ExecuteOperation::ExecuteOperation(Connection& connection, std::string_view sql, ParamsView params,
                                   BeginFirst begin, DescribeFirst first)
    : Exchange(connection, sql), params_(params), begin_(begin), first_(first), use_(sql, params) {}

ExecuteOperation::~ExecuteOperation() {
  if (talking()) use_.give_up(connection_);
}

Result ExecuteOperation::take_result() {
  return result_ ? ResultAccess::make(std::move(result_), effect(), &connection_.notices()) : Result();
}

detail::Effect ExecuteOperation::effect() const noexcept {
  if (use_.traits().reads) return detail::Effect::none;
  return connection_.in_transaction() ? detail::Effect::in_transaction : detail::Effect::committed;
}

ErrorPtr ExecuteOperation::check() {
  if (ErrorPtr refusal = use_.look_up(connection_, changes_names(begin_))) return refusal;
  simple_ = params_.empty() && (use_.traits().several || use_.traits().copies);
  // Its data would be lost, and what stands beside it committed, before anybody could say so.
  if (simple_ && (use_.traits().copies_in || use_.traits().copies_out)) return copies(sql_);
  alone_ = !connection_.in_transaction();
  if (alone_ && !begin_) use_.stands_alone();
  begin_alone_ = simple_ && begin_ && begin_->settings != nullptr;
  return nullptr;
}

bool ExecuteOperation::send() {
  // It was not refused the first time.
  if (retried_) {
    static_cast<void>(use_.look_up(connection_, changes_names(begin_)));
    if (alone_ && !begin_) use_.stands_alone();
  }
  stale_plan_ = false;
  if (begin_alone_) return send_begin_alone();
  if (simple_) return send_simple();
  if (first_) return send_description();
  if (begin_ || use_.parses()) return send_pipeline();
  expect_ = Expect::answer;
  return use_.put(connection_);
}

bool ExecuteOperation::send_simple() {
  expect_ = begin_ ? Expect::begin : Expect::answer;
  if (begin_) connection_.transaction_begins(*begin_);
  std::string text = begin_prefix();
  text += sql_;
  return PQsendQuery(connection_.raw(), text.c_str()) == 1;
}

std::string ExecuteOperation::begin_prefix() const {
  return begin_ ? std::string(begin_->command) + ";" : std::string();
}

bool ExecuteOperation::send_begin_alone() {
  expect_ = Expect::begin;
  return enter_pipeline() && put_beginning(connection_, *begin_) && send_sync();
}

bool ExecuteOperation::send_pipeline() {
  expect_ = Expect::answer;
  return enter_pipeline() && put_begin() && use_.put(connection_) && send_sync();
}

bool ExecuteOperation::put_begin() {
  if (!begin_) return true;
  expect_ = retried_ ? Expect::rollback : Expect::begin;
  if (retried_ && !send_plain("ROLLBACK")) return false;
  return put_beginning(connection_, *begin_);
}

bool ExecuteOperation::send_description() {
  expect_ = Expect::description;
  description_ = Description::awaited;
  return enter_pipeline() && put_begin() && use_.put_description(connection_);
}

void ExecuteOperation::take_description(const PGresult* description) {
  std::vector<detail::Column> columns(static_cast<std::size_t>(PQnfields(description)));
  for (int i = 0; i < PQnfields(description); ++i)
    columns[static_cast<std::size_t>(i)] = {.name = PQfname(description, i), .type = PQftype(description, i)};
  description_ = Description::fits;
  // It may be one that returns no rows: then there are none to read.
  const bool nothing_to_read = columns.empty() && !first_.shape->needs_row;
  try {
    if (!nothing_to_read) first_.shape->check(columns);
    first_.known->insert(first_.text, *first_.shape);
  } catch (const Error& misfit) {
    auto error = std::make_unique<ErrorInfo>(misfit.info());
    error->kind = ErrorKind::data;
    error->message += "; nothing was executed";
    error->query = sql_;
    keep_error(std::move(error));
    description_ = Description::refused;
  }
}

bool ExecuteOperation::go_on_described() {
  if (description_ == Description::awaited) return true;
  const bool fits = std::exchange(description_, Description::none) == Description::fits;
  unflushed();
  expect_ = Expect::answer;
  return (!fits || use_.put_described(connection_)) && send_sync();
}

void ExecuteOperation::on_result(ResultPtr result) {
  switch (expect_) {
    case Expect::rollback: expect_ = Expect::begin; break;
    case Expect::begin: expect_ = begin_->settings != nullptr ? Expect::settings : behind_begin(); break;
    case Expect::settings:
      note_settings(connection_, *begin_->settings, result.get());
      expect_ = behind_begin();
      break;
    case Expect::description:
      if (use_.take_description(connection_)) take_description(result.get());
      break;
    case Expect::answer:
      if (use_.take_result(connection_, result.get())) take_answer(std::move(result));
      break;
  }
}

void ExecuteOperation::take_answer(ResultPtr result) {
  // Of several statements, the first one that returns rows counts, else the first.
  const auto returns_rows = [](const ResultPtr& of) { return PQresultStatus(of.get()) == PGRES_TUPLES_OK; };
  if (!result_ || (returns_rows(result) && !returns_rows(result_))) result_ = std::move(result);
}

void ExecuteOperation::on_error(ErrorPtr error, const PGresult* result) {
  const bool of_beginning = expect_ <= Expect::settings && (!simple_ || begin_alone_);
  if (of_beginning) {
    use_.take_skip(connection_);
    if (expect_ == Expect::settings) error->query = begin_->settings->sql;
  } else {
    stale_plan_ = use_.take_error(connection_, *error, result);
  }
  if (simple_ && begin_ && !begin_alone_ && error->statement_position > 0)
    error->statement_position -= static_cast<int>(begin_prefix().size());
  if (description_ == Description::awaited) description_ = Description::refused;
  keep_error(std::move(error));
}

bool ExecuteOperation::again() {
  if (begin_alone_) return go_on_begun();
  // Only where the statement was alone, or the first of a transaction begun with it: nothing has run.
  if (!stale_plan_ || retried_ || !alone_) return false;
  retried_ = true;
  drop_kept_error();
  result_.reset();
  return true;
}

bool ExecuteOperation::go_on_begun() {
  begin_alone_ = false;
  begin_ = BeginFirst::no;
  return !has_kept_error();
}

ErrorPtr ExecuteOperation::lost(ErrorPtr error) {
  return use_.traits().commits ? commit_unknown(std::move(error)) : std::move(error);
}

// A statement that only reads is left where it is, for the next one, or a reset, to cancel. One that may
// write is read to its end, so that nobody needs to ask whether it was executed; and one in a transaction,
// which a cancel would fail.
void ExecuteOperation::on_refused_rows(ErrorPtr error) {
  const bool leave = use_.traits().reads && !simple_ && alone_ && !begin_;
  if (!leave) error->message += "; the statement was executed";
  keep_error(std::move(error));
  if (!leave) return;
  connection_.keep_open().keep_exchange({}, "a result that was too large");
  pause();
}

// One that the text did not show.
void ExecuteOperation::on_copy() { keep_error(copies(sql_)); }

}  // namespace copg::pq
