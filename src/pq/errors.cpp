// The translation of failures, field by field.
#include "pq/errors.hpp"

#include <fmt/format.h>

#include <charconv>

#include "codec/message_limit.hpp"

namespace copg::pq {
namespace {

int position(const PGresult* result, int code) {
  const std::string_view text = field(result, code);
  int position = 0;
  std::from_chars(text.data(), text.data() + text.size(), position);
  return position;
}

}  // namespace

ErrorPtr error_from(const PGresult* result, std::string_view sql) {
  auto error = std::make_unique<ErrorInfo>();
  error->severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (error->severity.empty()) error->severity = field(result, PG_DIAG_SEVERITY);  // servers before 9.6
  error->sqlstate = SqlState(field(result, PG_DIAG_SQLSTATE));
  error->message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (error->message.empty()) error->message = first_line(PQresultErrorMessage(result));
  error->detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  error->hint = field(result, PG_DIAG_MESSAGE_HINT);
  error->context = field(result, PG_DIAG_CONTEXT);
  error->schema_name = field(result, PG_DIAG_SCHEMA_NAME);
  error->table_name = field(result, PG_DIAG_TABLE_NAME);
  error->column_name = field(result, PG_DIAG_COLUMN_NAME);
  error->datatype_name = field(result, PG_DIAG_DATATYPE_NAME);
  error->constraint_name = field(result, PG_DIAG_CONSTRAINT_NAME);
  error->query = sql;
  error->statement_position = position(result, PG_DIAG_STATEMENT_POSITION);
  error->internal_query = field(result, PG_DIAG_INTERNAL_QUERY);
  error->internal_position = position(result, PG_DIAG_INTERNAL_POSITION);
  // Without a severity the server did not speak: libpq found the connection lost.
  const bool lost = error->severity.empty() || error->severity == "FATAL" || error->severity == "PANIC";
  error->kind = lost ? ErrorKind::connection_failed : ErrorKind::query_failed;
  error->connection_survives = !lost;
  return error;
}

ErrorPtr connection_lost(const PGconn* conn, std::string_view sql) {
  ErrorPtr error = connection_failed(first_line(PQerrorMessage(conn)));
  if (error->message.empty()) error->message = "the connection to the server was lost";
  error->query = sql;
  return error;
}

ErrorPtr connection_failed(std::string message) {
  auto error = std::make_unique<ErrorInfo>();
  error->kind = ErrorKind::connection_failed;
  error->message = std::move(message);
  error->connection_survives = false;
  return error;
}

ErrorPtr commit_unknown(ErrorPtr lost) {
  lost->kind = ErrorKind::commit_unknown;
  lost->cause = std::move(lost->message);
  lost->message =
      "the connection was lost before the answer to COMMIT came: the transaction may or may not have been "
      "committed; "
      "look at the data before trying again (" +
      lost->cause + ")";
  return lost;
}

void tell_unasked(ErrorInfo& unknown, const ErrorInfo& why) {
  unknown.message += "; no other connection could tell: " + why.message;
}

void tell_rolled_back(ErrorInfo& unknown) {
  unknown.kind = ErrorKind::connection_failed;
  unknown.message =
      "the connection was lost before the answer to COMMIT came; the transaction was rolled back, as the "
      "server "
      "has told another connection (" +
      unknown.cause + ")";
}

ErrorPtr statement_unknown(ErrorPtr lost) {
  lost->cause = std::move(lost->message);
  lost->message =
      "the connection was lost before the statement was answered: it may or may not have been executed (" +
      lost->cause + ")";
  return lost;
}

ErrorPtr commit_rolled_back(std::string_view sql) {
  auto error = std::make_unique<ErrorInfo>();
  error->kind = ErrorKind::query_failed;
  error->sqlstate = SqlState("25P02");  // what each statement of the failed transaction was told
  error->severity = "ERROR";
  error->message = "the transaction was rolled back, not committed: a statement in it had failed";
  error->query = sql;
  return error;
}

void tell_effect(ErrorInfo& error, detail::Effect effect, std::string_view tag) {
  if (effect == detail::Effect::none || error.executed) return;
  error.executed = true;
  error.committed = effect == detail::Effect::committed;
  error.message +=
      fmt::format("; the statement ({}) was executed{}", tag,
                  error.committed ? " and committed" : ", and its transaction was still open then");
}

ErrorPtr commit_unsent(std::string_view sql) {
  ErrorPtr error = commit_rolled_back(sql);
  error->message =
      "the transaction was not committed: a statement in it was given up half-way; it is rolled back as the "
      "connection is given back, the only thing left to do with it";
  return error;
}

ErrorPtr wrong_number(int taken, int given, std::string_view sql) {
  if (taken < 0 || taken == given) return nullptr;
  const char* const were = given == 1 ? "parameter was" : "parameters were";
  return usage_error(
      taken == 0 ? fmt::format("the text has no placeholder, but {} {} given", given, were)
                 : fmt::format("the text has placeholders up to ${}, but {} {} given", taken, given, were),
      sql);
}

ErrorPtr result_too_large(int rows, std::size_t most, std::string_view sql) {
  auto error = std::make_unique<ErrorInfo>();
  error->kind = ErrorKind::data;
  error->message = fmt::format(
      "the rows of the statement take more memory than max_result_bytes = {}, which was reached after {} of "
      "them: read them in chunks, with stream",
      most, rows);
  error->query = sql;
  return error;
}

ErrorPtr rows_without_columns(std::string_view sql) {
  auto error = std::make_unique<ErrorInfo>();
  error->kind = ErrorKind::data;
  error->message =
      "rows without columns can't be read one by one, as a stream, or max_result_bytes, asks for: select "
      "something";
  error->query = sql;
  return error;
}

ErrorPtr usage_error(std::string message, std::string_view sql) {
  auto error = std::make_unique<ErrorInfo>();
  error->kind = ErrorKind::usage;
  error->message = std::move(message);
  error->query = sql;
  return error;
}

ErrorPtr unsendable(std::string_view sql) {
  if (sql.size() > detail::most_message_bytes) {
    constexpr std::size_t shown_bytes = 1000;  // enough to know it by; an error is copied now and then
    ErrorPtr error =
        usage_error(fmt::format("the SQL text has {} bytes; PostgreSQL takes less than 1 GiB", sql.size()),
                    sql.substr(0, shown_bytes));
    error->kind = ErrorKind::data;
    return error;
  }
  if (sql.find('\0') == std::string_view::npos) return nullptr;
  return usage_error("the SQL text holds a NUL character", sql);
}

std::string first_line(const char* text) {
  std::string_view line = text == nullptr ? std::string_view() : text;
  line = line.substr(0, line.find('\n'));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t'))
    line.remove_suffix(1);
  return std::string(line);
}

std::string_view field(const PGresult* result, int code) noexcept {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : text;
}

std::string_view command_tag(const PGresult* result) noexcept {
  // PQcmdStatus only reads, but was declared before const was used.
  const char* tag =
      PQcmdStatus(const_cast<PGresult*>(result));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  return tag == nullptr ? std::string_view() : tag;
}

}  // namespace copg::pq
