// One statement on the wire, by the cheapest route that its text and its history on this connection allow.
#include "pq/execute_operation.hpp"

#include <utility>

#include "pq/result_access.hpp"

namespace copg::pq {
namespace {

constexpr const char* begin_text = "BEGIN;";

bool send_plain(PGconn* conn, const char* sql) {
  return PQsendQueryParams(conn, sql, 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
}

/// The server refused the plan before it ran: the table has changed under it. The message is translated; the
/// function that says so is not (plancache.c).
bool refuses_plan(const ErrorInfo& error, const PGresult* result) {
  const char* function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
  return is_feature_not_supported(error.sqlstate) && function != nullptr &&
         std::string_view(function) == "RevalidateCachedQuery";
}

}  // namespace

ExecuteOperation::ExecuteOperation(Connection& connection, std::string_view sql, ParamsView params,
                                   BeginFirst begin)
    : Exchange(connection, sql), params_(params), begin_(begin) {}

ExecuteOperation::~ExecuteOperation() {
  if (!talking()) return;
  if (!answered_) connection_.note_statement("", traits_);
  if (naming_) connection_.statements().doubt(*statement_);
}

Result ExecuteOperation::take_result() { return result_ ? ResultAccess::make(result_.release()) : Result(); }

std::optional<ErrorInfo> ExecuteOperation::check() {
  look_up();
  const bool known = statement_ != nullptr && statement_->prepared;
  if (!known && sql_.find('\0') != std::string_view::npos) {
    return usage_error("the SQL text holds a NUL character", sql_);
  }
  alone_ = !connection_.in_transaction();
  return std::nullopt;
}

void ExecuteOperation::look_up() {
  statement_ = connection_.statements().use(sql_, params_.types());
  if (statement_ != nullptr) {
    traits_ = statement_->traits;
  } else {
    traits_ = text_traits(sql_);
    text_ = sql_;
  }
}

ExecuteOperation::Route ExecuteOperation::choose_route() const noexcept {
  if (params_.empty() && (traits_.several || traits_.copies)) return Route::simple;
  if (statement_ != nullptr && statement_->prepared) return Route::named;
  return statement_ != nullptr && connection_.statements().may_name() ? Route::parse : Route::unnamed;
}

const char* ExecuteOperation::text() const noexcept {
  return statement_ != nullptr ? statement_->text.c_str() : text_.c_str();
}

bool ExecuteOperation::send() {
  if (retried_) look_up();
  answered_ = stale_plan_ = false;
  route_ = choose_route();
  if (route_ == Route::simple) return send_simple();
  if (begin_ == BeginFirst::yes || route_ == Route::parse) return send_pipeline();
  expect_ = Expect::answer;
  return send_statement();
}

bool ExecuteOperation::send_simple() {
  if (begin_ == BeginFirst::no) {
    expect_ = Expect::answer;
    return PQsendQuery(connection_.raw(), text()) == 1;
  }
  expect_ = Expect::begin;
  const std::string joined = std::string(begin_text) + text();
  return PQsendQuery(connection_.raw(), joined.c_str()) == 1;
}

bool ExecuteOperation::send_pipeline() {
  PGconn* conn = connection_.raw();
  if (!enter_pipeline()) return false;
  expect_ = retried_ && begin_ == BeginFirst::yes ? Expect::rollback
            : begin_ == BeginFirst::yes           ? Expect::begin
            : route_ == Route::parse              ? Expect::parse
                                                  : Expect::answer;
  if (expect_ == Expect::rollback && !send_plain(conn, "ROLLBACK")) return false;
  if (begin_ == BeginFirst::yes && !send_plain(conn, "BEGIN")) return false;
  if (route_ == Route::parse) {
    connection_.statements().name(*statement_);
    naming_ = true;
    if (PQsendPrepare(conn, statement_->name.data(), text(), params_.size(), params_.types().data()) != 1)
      return false;
  }
  return send_statement() && send_sync();
}

bool ExecuteOperation::send_statement() {
  PGconn* conn = connection_.raw();
  constexpr int text_format = 0;
  if (route_ == Route::unnamed) {
    return PQsendQueryParams(conn, text(), params_.size(), params_.types().data(), params_.values(),
                             params_.lengths(), params_.formats(), text_format) == 1;
  }
  return PQsendQueryPrepared(conn, statement_->name.data(), params_.size(), params_.values(),
                             params_.lengths(), params_.formats(), text_format) == 1;
}

void ExecuteOperation::expect_next() noexcept {
  switch (expect_) {
    case Expect::rollback: expect_ = Expect::begin; break;
    case Expect::begin: expect_ = naming_ ? Expect::parse : Expect::answer; break;
    case Expect::parse: expect_ = Expect::answer; break;
    case Expect::answer: expect_ = route_ == Route::simple ? Expect::answer : Expect::end; break;
    case Expect::end: break;
  }
}

void ExecuteOperation::on_result(ResultPtr result) {
  if (expect_ == Expect::parse) {
    connection_.statements().confirm(*statement_);
    naming_ = false;
  } else if (expect_ == Expect::answer) {
    take_answer(std::move(result));
  }
  expect_next();
}

void ExecuteOperation::take_answer(ResultPtr result) {
  answered_ = true;
  connection_.note_statement(command_tag(result.get()), traits_);
  // Of several statements, the first one that returns rows counts, else the first.
  const bool returns_rows = PQnfields(result.get()) > 0;
  if (!result_ || (returns_rows && PQnfields(result_.get()) == 0)) result_ = std::move(result);
}

void ExecuteOperation::on_error(ErrorInfo error, const PGresult* result) {
  if (expect_ == Expect::parse) {
    connection_.statements().forget(*statement_);
    naming_ = false;
  } else if (expect_ == Expect::answer && route_ == Route::named) {
    refused_by_name(error, result);
  }
  if (route_ == Route::simple && begin_ == BeginFirst::yes && error.statement_position > 0) {
    error.statement_position -= static_cast<int>(std::char_traits<char>::length(begin_text));
  }
  // At the end: the commit failed, such as for a deferred constraint, after the statement had gone well.
  answered_ = true;
  connection_.note_statement("", traits_);
  keep_error(std::move(error));
}

/// A prepared statement failed. Where the server did not even begin with it, it is parsed anew.
void ExecuteOperation::refused_by_name(ErrorInfo& error, const PGresult* result) {
  // A name of the user's own may be unknown, too, after the statement has begun.
  const bool is_ours = error.message.find(statement_->name.data()) != std::string::npos;
  if (is_undefined_statement(error.sqlstate) && is_ours) {
    connection_.statements().lose_all();
    if (error.hint.empty()) error.hint = "behind a pooler that works by transaction, set prepare to off";
    stale_plan_ = true;
  } else if (refuses_plan(error, result)) {
    connection_.statements().doubt(*statement_);
    stale_plan_ = true;
  }
}

bool ExecuteOperation::again() {
  // Only where the statement was alone, or the first of a transaction begun with it: nothing has run.
  if (!stale_plan_ || retried_ || !alone_) return false;
  retried_ = true;
  drop_kept_error();
  result_.reset();
  return true;
}

ErrorInfo ExecuteOperation::lost(ErrorInfo error) {
  naming_ = false;
  return traits_.commits ? commit_unknown(std::move(error)) : error;
}

void ExecuteOperation::on_copy() {
  keep_error(
      usage_error("COPY with STDIN or STDOUT does not go through execute: use copy_in or copy_out", sql_));
}

}  // namespace copg::pq
