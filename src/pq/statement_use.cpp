// Routes, and what comes back along them.
#include "pq/statement_use.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {
namespace {

/// The server refused the plan before it ran: what the text names has changed under it. The message is
/// translated; the place that says so is not: plancache.c where other columns would come back, parse_*.c
/// where the types that the parameters were found to have no longer fit. With a context it comes from inside
/// a function that the statement has called: then it did run.
bool refuses_plan(const ErrorInfo& error, const PGresult* result, bool is_query) {
  if (!error.context.empty()) return false;
  const std::string_view function = field(result, PG_DIAG_SOURCE_FUNCTION);
  if (is_feature_not_supported(error.sqlstate)) return function == "RevalidateCachedQuery";
  // What is no query is analysed only when it is executed.
  if (!is_query) return false;
  // A name was parsed once. parse_type.c also reads the names of types in values.
  const std::string_view file = field(result, PG_DIAG_SOURCE_FILE);
  return file == "analyze.c" || (file.starts_with("parse_") && file != "parse_type.c");
}

}  // namespace

ErrorPtr StatementUse::look_up(Connection& connection, bool nameless) {
  StatementCache& cache = connection.statements();
  generation_ = connection.path().generation();
  statement_ = find(cache);
  const bool names_hold = !nameless && connection.path().names_hold();
  if (names_hold && statement_ != nullptr && statement_->prepared) {
    traits_ = statement_->traits;
    route_ = Route::named;
    return nullptr;
  }
  if (ErrorPtr refusal = unsendable(sql_)) return refusal;
  traits_ = statement_ != nullptr ? statement_->traits : sql::text_traits(sql_);
  if (ErrorPtr refusal = wrong_number(traits_.parameters, params_.size(), sql_)) return refusal;
  // Another use may be about to name it, and may fail: this one must not depend on that.
  const bool unnamed = statement_ != nullptr && statement_->name[0] == '\0';
  route_ = names_hold && unnamed && cache.may_name() ? Route::parse : Route::unnamed;
  return nullptr;
}

bool StatementUse::put(Connection& connection) {
  PGconn* conn = connection.raw();
  constexpr int text_format = 0;
  answered_ = false;
  if (route_ == Route::unnamed) {
    const std::string copy(statement_ == nullptr ? sql_ : std::string_view());  // NUL-terminated
    const char* text = statement_ == nullptr ? copy.c_str() : statement_->text.c_str();
    return PQsendQueryParams(conn, text, params_.size(), params_.types().data(), params_.values(),
                             params_.lengths(), params_.formats(), text_format) == 1;
  }
  if (route_ == Route::parse) {
    connection.statements().name(*statement_);
    naming_ = true;
  }
  name_ = statement_->name;
  if (naming_ && PQsendPrepare(conn, name_.data(), statement_->text.c_str(), params_.size(),
                               params_.types().data()) != 1)
    return false;
  return PQsendQueryPrepared(conn, name_.data(), params_.size(), params_.values(), params_.lengths(),
                             params_.formats(), text_format) == 1;
}

bool StatementUse::put_description(Connection& connection) {
  PGconn* conn = connection.raw();
  answered_ = false;
  naming_ = route_ == Route::parse;
  parsing_ = route_ != Route::named;
  if (naming_) connection.statements().name(*statement_);
  name_ = route_ == Route::unnamed ? StatementName() : statement_->name;
  if (parsing_) {
    const std::string text(sql_);  // NUL-terminated
    if (PQsendPrepare(conn, name_.data(), text.c_str(), params_.size(), params_.types().data()) != 1)
      return false;
  }
  return PQsendDescribePrepared(conn, name_.data()) == 1 && PQsendFlushRequest(conn) == 1;
}

bool StatementUse::put_described(Connection& connection) {
  constexpr int text_format = 0;
  return PQsendQueryPrepared(connection.raw(), name_.data(), params_.size(), params_.values(),
                             params_.lengths(), params_.formats(), text_format) == 1;
}

bool StatementUse::take_description(Connection& connection) {
  if (!std::exchange(parsing_, false)) return true;
  if (std::exchange(naming_, false)) {
    StatementCache& cache = connection.statements();
    if (Statement* statement = find_named(cache)) cache.confirm(*statement);
  }
  return false;
}

bool StatementUse::take_result(Connection& connection, const PGresult* result) {
  if (naming_) {
    naming_ = false;
    StatementCache& cache = connection.statements();
    if (Statement* statement = find_named(cache)) cache.confirm(*statement);
    return false;
  }
  answered_ = true;
  if (traits_.path == sql::PathEffect::changes) [[unlikely]] {
    note_change(connection, result);
  } else {
    connection.note_statement(command_tag(result), traits_);
  }
  return true;
}

void StatementUse::note_change(Connection& connection, const PGresult* result) const {
  PathChange change;
  if (!traits_.several) change = PathChange::read(sql_, params_, result);
  sql::TextTraits traits = traits_;
  if (change.temporary) traits.effect = std::max(traits.effect, sql::TextEffect::touches);
  connection.note_statement(command_tag(result), traits, change);
}

bool StatementUse::take_error(Connection& connection, ErrorInfo& error, const PGresult* result) {
  take_skip(connection);
  const bool stale = !answered_ && route_ == Route::named && refused_by_name(connection, error, result);
  // Answered already: the commit failed, such as for a deferred constraint.
  answered_ = true;
  connection.note_statement("", traits_);
  return stale;
}

bool StatementUse::refused_by_name(Connection& connection, ErrorInfo& error, const PGresult* result) const {
  // A name of the user's own may be unknown, too, after the statement has begun.
  const bool unknown =
      is_undefined_statement(error.sqlstate) && error.message.find(name_.data()) != std::string::npos;
  if (!unknown && !refuses_plan(error, result, traits_.parameters >= 0)) {
    forget_types(connection, error);
    return false;
  }
  if (unknown && error.hint.empty())
    error.hint = "behind a pooler that works by transaction, set prepare to off";
  if (!unknown && error.hint.empty()) {
    error.hint = "what the statement names has changed since it was prepared: repeat the transaction";
  }
  StatementCache& cache = connection.statements();
  // Of several uses under way, the first one to be refused has seen to it.
  Statement* statement = find_named(cache);
  if (statement == nullptr) return true;
  if (unknown) {
    cache.lose_all();
  } else {
    cache.doubt(*statement);
  }
  return true;
}

// A parameter without a type keeps the one that it was found to have, whatever its column has become since: a
// value that does not fit may fit where the text is parsed anew. Whether it was the value's own fault is not
// told.
//
// A type that a plan names may have been dropped, which the server finds out as an error of its own (XX000,
// cache lookup failed), each time: it does not look through its plans for that.
void StatementUse::forget_types(Connection& connection, const ErrorInfo& error) const {
  const bool value =
      error.sqlstate.in_class("22") && std::ranges::find(params_.types(), Oid{0}) != params_.types().end();
  if (!value && !error.sqlstate.in_class("XX")) return;
  StatementCache& cache = connection.statements();
  if (Statement* statement = find_named(cache)) cache.doubt(*statement);
}

void StatementUse::take_skip(Connection& connection) {
  if (!naming_) return;
  naming_ = false;
  StatementCache& cache = connection.statements();
  if (Statement* statement = find_named(cache)) cache.forget(*statement);
}

void StatementUse::give_up(Connection& connection) {
  if (!answered_) connection.note_statement("", traits_);
  if (!naming_) return;
  StatementCache& cache = connection.statements();
  if (Statement* statement = find_named(cache)) cache.doubt(*statement);
}

Statement* StatementUse::find(StatementCache& cache) const {
  return cache.use(sql_, params_.types(), generation_);
}

// The statement may have been evicted meanwhile, and its text be back under another name.
Statement* StatementUse::find_named(StatementCache& cache) const {
  Statement* statement = find(cache);
  return statement != nullptr && statement->name == name_ ? statement : nullptr;
}

}  // namespace copg::pq
