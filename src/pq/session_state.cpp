// What a statement may do to the session, by its command tag.
#include "pq/session_state.hpp"

#include <algorithm>

namespace copg::pq {
void SessionState::note_command(std::string_view tag, sql::TextEffect effect) noexcept {
  // SET, CREATE and DECLARE are told by the text: their tags don't tell SET LOCAL, a permanent table, a
  // cursor that ends with its transaction.
  const auto raise = [this](sql::TextEffect to) { effect_ = std::max(effect_, to); };
  raise(effect);
  if (tag == "PREPARE") {
    prepared_in_sql_ = true;
    raise(sql::TextEffect::touches);
  } else if (tag == "DISCARD ALL" || tag == "DEALLOCATE ALL") {
    // Gone is also what was set up after connecting.
    if (tag == "DISCARD ALL" || prepared_in_sql_) raise(sql::TextEffect::touches);
    prepared_gone_ = true;
    prepared_in_sql_ = false;
  } else if (tag == "LOAD") {
    raise(sql::TextEffect::permanent);
  } else if (tag == "LISTEN" || tag == "RESET" || tag == "DO" || tag == "CALL" || tag == "DEALLOCATE" ||
             tag == "DISCARD TEMP" || tag == "UNLISTEN") {
    raise(sql::TextEffect::touches);
  }
}

bool SessionState::parameters_changed(const PGconn* conn) const noexcept {
  for (std::size_t i = 0; i < reported_parameters.size(); ++i) {
    // A server reports at connect all that it will ever report; libpq walks its whole list for one it does
    // not know.
    if (!reported_[i]) continue;
    const char* now = PQparameterStatus(conn, reported_parameters[i]);
    if (baseline_[i] != std::string_view(now == nullptr ? "" : now)) return true;
  }
  return false;
}

void SessionState::set_baseline(const PGconn* conn) {
  effect_ = sql::TextEffect::none;
  prepared_in_sql_ = false;
  for (std::size_t i = 0; i < reported_parameters.size(); ++i) {
    const char* now = PQparameterStatus(conn, reported_parameters[i]);
    reported_[i] = now != nullptr;
    baseline_[i] = now == nullptr ? "" : now;
  }
}

}  // namespace copg::pq
