// Two statements without a Sync between them: if the first fails, the server drops the second.
#include "pq/put_beginning.hpp"

#include "pq/errors.hpp"
#include "pq/path_change.hpp"
#include "sql/path_effect.hpp"
#include "sql/session_effect.hpp"
#include "sql/text_traits.hpp"

namespace copg::pq {

bool put_beginning(Connection& connection, const Beginning& beginning) noexcept {
  PGconn* conn = connection.raw();
  connection.transaction_begins(beginning);
  if (PQsendQueryParams(conn, beginning.command, 0, nullptr, nullptr, nullptr, nullptr, 0) != 1) return false;
  return beginning.settings == nullptr || put_settings(connection, *beginning.settings);
}

bool put_settings(Connection& connection, const LocalSettings& settings) noexcept {
  const Params& params = settings.params;
  return PQsendQueryParams(connection.raw(), settings.sql.c_str(), params.size(), params.types(),
                           params.values(), params.lengths(), params.formats(), 0) == 1;
}

void note_settings(Connection& connection, const LocalSettings& settings, const PGresult* result) noexcept {
  if (!settings.changes_names) return;
  const PathChange change = PathChange::read(settings.sql, settings.params, result);
  sql::TextTraits traits;
  traits.path = sql::PathEffect::changes;
  if (change.temporary) traits.effect = sql::TextEffect::touches;
  connection.note_statement(command_tag(result), traits, change);
}

}  // namespace copg::pq
