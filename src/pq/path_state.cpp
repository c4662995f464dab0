// What holds until when.
#include "pq/path_state.hpp"

#include <functional>

namespace copg::pq {

void PathState::note(std::string_view command_tag, sql::PathEffect effect, bool lasts,
                     const PathChange& change) noexcept {
  const bool rolled_back = command_tag == "ROLLBACK" && effect != sql::PathEffect::undoes;
  if (rolled_back || command_tag == "COMMIT") end_transaction(!rolled_back);
  if (command_tag.empty()) undo_failed();
  switch (effect) {
    case sql::PathEffect::none: break;
    case sql::PathEffect::calls:
      watched_ = path_touched_ = true;
      if (!reports_) unknown_in_transaction_ = true;
      break;
    case sql::PathEffect::undoes:
      if (role_touched_ || (path_touched_ && !reports_)) unknown_in_transaction_ = true;
      if (lasting_) unknown_in_session_ = true;
      break;
    case sql::PathEffect::defines: watched_ = unknown_in_transaction_ = true; break;
    case sql::PathEffect::changes:
      watched_ = true;
      apply(change, lasts);
      break;
  }
}

void PathState::apply(const PathChange& change, bool lasts) noexcept {
  if (!change.known) {
    path_touched_ = role_touched_ = unknown_in_transaction_ = true;
    if (lasts) lasting_ = unknown_in_session_ = true;
    return;
  }
  if (change.search_path) {
    path_touched_ = true;
    if (!reports_) path_.change(*change.search_path, change.local);
  }
  if (change.role) {
    role_touched_ = true;
    role_.change(*change.role, change.local);
  }
  if (!change.local) lasting_ = true;
}

// What the transaction has set is undone, unless ROLLBACK TO a savepoint brings it back. In a pipeline it may
// have been another transaction.
void PathState::undo_failed() noexcept {
  if (lasting_) unknown_in_session_ = true;
  path_.roll_back();
  role_.roll_back();
}

void PathState::end_transaction(bool commits) noexcept {
  for (Setting* setting : {&path_, &role_}) commits ? setting->commit() : setting->roll_back();
  unknown_in_transaction_ = path_touched_ = role_touched_ = lasting_ = false;
}

void PathState::on_idle(const PGconn* conn) noexcept {
  const bool idle = PQtransactionStatus(conn) == PQTRANS_IDLE;
  if (idle) end_transaction(true);
  if (reports_) read_report(conn);
  regenerate();
  watched_ = !idle || unknown_in_session_;
  holds_ = !unknown_in_transaction_ && !unknown_in_session_;
}

void PathState::trust_session() noexcept {
  unknown_in_session_ = watched_ = false;
  holds_ = true;
}

void PathState::begin_session(const PGconn* conn) noexcept {
  *this = PathState();
  reports_ = PQparameterStatus(conn, "search_path") != nullptr;
  configured(conn);
}

void PathState::configured(const PGconn* conn) noexcept {
  end_transaction(true);
  trust_session();
  if (reports_) read_report(conn);
  regenerate();
}

void PathState::read_report(const PGconn* conn) noexcept {
  const char* value = PQparameterStatus(conn, "search_path");
  path_.in_force = std::hash<std::string_view>{}(value == nullptr ? "" : value);
  path_.committed = path_.in_session = path_.in_force;
}

void PathState::regenerate() noexcept {
  constexpr std::size_t odd = 0x9E3779B97F4A7C15ULL;  // Fibonacci hashing, Knuth 6.4
  generation_ = path_.in_force ^ (role_.in_force * odd);
}

}  // namespace copg::pq
