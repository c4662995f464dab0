// The translation of failures, field by field.
#include "pq/errors.hpp"

#include <charconv>

namespace copg::pq {
namespace {

int statement_position(const PGresult* result) {
  const std::string_view text = field(result, PG_DIAG_STATEMENT_POSITION);
  int position = 0;
  std::from_chars(text.data(), text.data() + text.size(), position);
  return position;
}

}  // namespace

ErrorInfo error_from(const PGresult* result, std::string_view sql) {
  ErrorInfo info;
  info.severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (info.severity.empty()) info.severity = field(result, PG_DIAG_SEVERITY);  // servers before 9.6
  info.sqlstate = SqlState(field(result, PG_DIAG_SQLSTATE));
  info.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (info.message.empty()) info.message = first_line(PQresultErrorMessage(result));
  info.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  info.hint = field(result, PG_DIAG_MESSAGE_HINT);
  info.context = field(result, PG_DIAG_CONTEXT);
  info.schema_name = field(result, PG_DIAG_SCHEMA_NAME);
  info.table_name = field(result, PG_DIAG_TABLE_NAME);
  info.column_name = field(result, PG_DIAG_COLUMN_NAME);
  info.datatype_name = field(result, PG_DIAG_DATATYPE_NAME);
  info.constraint_name = field(result, PG_DIAG_CONSTRAINT_NAME);
  info.query = sql;
  info.statement_position = statement_position(result);
  // Without a severity the server did not speak: libpq found the connection lost.
  const bool lost = info.severity.empty() || info.severity == "FATAL" || info.severity == "PANIC";
  info.kind = lost ? ErrorKind::connection_failed : ErrorKind::query_failed;
  info.connection_survives = !lost;
  return info;
}

ErrorInfo connection_lost(const PGconn* conn, std::string_view sql) {
  ErrorInfo info;
  info.kind = ErrorKind::connection_failed;
  info.message = first_line(PQerrorMessage(conn));
  if (info.message.empty()) info.message = "the connection to the server was lost";
  info.query = sql;
  info.connection_survives = false;
  return info;
}

ErrorInfo commit_unknown(ErrorInfo lost) {
  lost.kind = ErrorKind::commit_unknown;
  lost.cause = std::move(lost.message);
  lost.message =
      "the connection was lost before the answer to COMMIT came: the transaction may or may not have been "
      "committed; "
      "look at the data before trying again (" +
      lost.cause + ")";
  return lost;
}

ErrorInfo statement_unknown(ErrorInfo lost) {
  lost.cause = std::move(lost.message);
  lost.message =
      "the connection was lost before the statement was answered: it may or may not have been executed (" +
      lost.cause + ")";
  return lost;
}

ErrorInfo commit_rolled_back(std::string_view sql) {
  ErrorInfo info;
  info.kind = ErrorKind::query_failed;
  info.sqlstate = SqlState("25P02");  // what each statement of the failed transaction was told
  info.severity = "ERROR";
  info.message = "the transaction was rolled back, not committed: a statement in it had failed";
  info.query = sql;
  return info;
}

ErrorInfo usage_error(std::string message, std::string_view sql) {
  ErrorInfo info;
  info.kind = ErrorKind::usage;
  info.message = std::move(message);
  info.query = sql;
  return info;
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
