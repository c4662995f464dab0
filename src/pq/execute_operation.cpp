// One statement on the wire, by the cheapest route that its text and its history on this connection allow.
#include "pq/execute_operation.hpp"

#include <utility>

#include "pq/result_access.hpp"

namespace copg::pq {
namespace {

constexpr std::string_view begin_text = "BEGIN;";

}  // namespace

ExecuteOperation::ExecuteOperation(Connection& connection, std::string_view sql, ParamsView params,
                                   BeginFirst begin)
    : Exchange(connection, sql), params_(params), begin_(begin), use_(sql, params) {}

ExecuteOperation::~ExecuteOperation() {
  if (talking()) use_.give_up(connection_);
}

Result ExecuteOperation::take_result() {
  return result_ ? ResultAccess::make(std::move(result_), effect()) : Result();
}

detail::Effect ExecuteOperation::effect() const noexcept {
  if (use_.traits().reads) return detail::Effect::none;
  return connection_.in_transaction() ? detail::Effect::in_transaction : detail::Effect::committed;
}

ErrorPtr ExecuteOperation::check() {
  if (ErrorPtr refusal = use_.look_up(connection_)) return refusal;
  simple_ = params_.empty() && (use_.traits().several || use_.traits().copies);
  alone_ = !connection_.in_transaction();
  return nullptr;
}

bool ExecuteOperation::send() {
  // It was not refused the first time.
  if (retried_) static_cast<void>(use_.look_up(connection_));
  stale_plan_ = false;
  if (simple_) return send_simple();
  if (begin_ == BeginFirst::yes || use_.parses()) return send_pipeline();
  expect_ = Expect::answer;
  return use_.put(connection_);
}

bool ExecuteOperation::send_simple() {
  expect_ = begin_ == BeginFirst::yes ? Expect::begin : Expect::answer;
  std::string text(begin_ == BeginFirst::yes ? begin_text : "");
  text += sql_;
  return PQsendQuery(connection_.raw(), text.c_str()) == 1;
}

bool ExecuteOperation::send_pipeline() {
  if (!enter_pipeline()) return false;
  expect_ = begin_ == BeginFirst::no ? Expect::answer : retried_ ? Expect::rollback : Expect::begin;
  if (expect_ == Expect::rollback && !send_plain("ROLLBACK")) return false;
  if (begin_ == BeginFirst::yes && !send_plain("BEGIN")) return false;
  return use_.put(connection_) && send_sync();
}

void ExecuteOperation::on_result(ResultPtr result) {
  switch (expect_) {
    case Expect::rollback: expect_ = Expect::begin; break;
    case Expect::begin: expect_ = Expect::answer; break;
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
  stale_plan_ = use_.take_error(connection_, *error, result);
  if (simple_ && begin_ == BeginFirst::yes && error->statement_position > 0) {
    error->statement_position -= static_cast<int>(begin_text.size());
  }
  keep_error(std::move(error));
}

bool ExecuteOperation::again() {
  // Only where the statement was alone, or the first of a transaction begun with it: nothing has run.
  if (!stale_plan_ || retried_ || !alone_) return false;
  retried_ = true;
  drop_kept_error();
  result_.reset();
  return true;
}

ErrorPtr ExecuteOperation::lost(ErrorPtr error) {
  return use_.traits().commits ? commit_unknown(std::move(error)) : std::move(error);
}

void ExecuteOperation::on_copy() {
  keep_error(usage_error("COPY with STDIN or STDOUT does not go through execute", sql_));
}

}  // namespace copg::pq
