// What a connection knows of itself.
#include "pq/connection.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <system_error>

#include "os/sockets.hpp"
#include "pq/errors.hpp"
#include "pq/fork_gate.hpp"

namespace copg::pq {

Connection::Connection(PGconn* conn, bool prepare)
    : conn_(conn),
      tls_(PQsslInUse(conn) != 0),
      could_write_(parameter_status("in_hot_standby") == "off" &&
                   parameter_status("default_transaction_read_only") != "on"),
      statements_(prepare) {
  notices_.receive_from(conn_);
  session_.set_baseline(conn_);
  path_.begin_session(conn_);
}

Connection::~Connection() {
  if (conn_ == nullptr) return;
  const InsideForkGate inside(InsideForkGate::What::connect);
  PQfinish(conn_);
}

std::string_view Connection::parameter_status(const char* name) const noexcept {
  const char* value = PQparameterStatus(conn_, name);
  return value == nullptr ? std::string_view() : value;
}

bool Connection::looks_alive() noexcept {
  // Each takes up to 16 kB. A server that has sent more than that unasked (notifications) is alive; the rest
  // is read with the answer.
  constexpr int max_looks = 64;
  for (int looks = 0;; ++looks) {
    // Parses what an earlier read has brought beyond its own answer.
    (void)PQisBusy(conn_);
    if (!alive() || notices_.farewell()) break;
    if (looks == max_looks) return true;
    char byte = 0;
    const ssize_t n = os::peek(fd(), byte);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (n <= 0) keep_end_of_socket(n < 0 ? errno : 0);
    if (n <= 0 || PQconsumeInput(conn_) == 0) break;
  }
  mark_dead();
  return false;
}

ErrorPtr Connection::final_error(std::string_view sql) {
  // They may stand in the buffer: as long as libpq takes COPY data, it shows nothing of what the server has
  // said. On a broken connection PQgetResult returns at once; on one that only said FATAL so far it might
  // wait, so it is not asked.
  constexpr int max_results = 64;
  for (int i = 0; i < max_results && lost(); ++i) {
    const ResultPtr result(PQgetResult(conn_));
    if (!result) break;
    if (field(result.get(), PG_DIAG_SEVERITY).empty()) continue;  // libpq's words
    ErrorPtr error = error_from(result.get(), sql);
    if (!error->connection_survives) return error;
  }
  // A write that fails makes libpq forget what it was waiting for: what was read before then passes for a
  // notice.
  ErrorPtr error = connection_lost(conn_, sql);
  if (!fatal_notice_seen()) return error;
  for (const Notice& notice : notices_.recent()) {
    if (notice.severity != "FATAL" && notice.severity != "PANIC") continue;
    error->severity = notice.severity;
    error->sqlstate = notice.sqlstate;
    error->message = notice.message;
  }
  return error;
}

bool Connection::server_ends() noexcept {
  constexpr std::array ends{"57P01"_sqlstate, "57P02"_sqlstate, "57P03"_sqlstate, "57P04"_sqlstate};
  (void)fatal_notice_seen();
  return std::ranges::any_of(notices_.recent(), [&](const Notice& it) {  // a crash is told of in a WARNING
    return std::ranges::find(ends, it.sqlstate) != ends.end();
  });
}

std::string Connection::why_dead() {
  if (fatal_notice_seen()) {
    for (const Notice& notice : notices_.recent()) {
      if (notice.severity == "FATAL" || notice.severity == "PANIC")
        return notice.severity + ": " + notice.message;
    }
  }
  if (!why_dead_.empty() || !lost()) return why_dead_;
  return final_error({})->message;
}

bool Connection::demoted() const noexcept { return refused_write_; }

bool Connection::protocol_idle() const noexcept {
  if (outstanding_ || dead_ || PQpipelineStatus(conn_) != PQ_PIPELINE_OFF) return false;
  const PGTransactionStatusType status = PQtransactionStatus(conn_);
  return status != PQTRANS_ACTIVE && status != PQTRANS_UNKNOWN;  // unknown: the connection is lost
}

bool Connection::in_transaction() const noexcept {
  const PGTransactionStatusType status = PQtransactionStatus(conn_);
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

bool Connection::in_failed_transaction() const noexcept {
  return PQtransactionStatus(conn_) == PQTRANS_INERROR;
}

bool Connection::clean() const noexcept {
  return at_rest() && !session_.changed() && !statements_.littered() &&
         !(parameters_doubtful_ && session_.parameters_changed(conn_));
}

void Connection::note_error(const ErrorInfo& error) noexcept {
  if (!error.connection_survives) mark_dead();
  if (is_read_only(error.sqlstate) && could_write_ && !chose_read_only_ && !session_.changed())
    refused_write_ = true;
  if ((dead_ || refused_write_) && why_dead_.empty()) keep_why_dead(error);
}

/// `error`: of the look at the socket; 0: the other side has closed it.
void Connection::keep_end_of_socket(int error) noexcept {
  keep_why_dead(
      {.message = error == 0 ? "the server closed the connection" : std::generic_category().message(error)});
}

void Connection::keep_why_dead(const ErrorInfo& error) noexcept {
  try {
    const std::string& words = error.cause.empty() ? error.message : error.cause;
    why_dead_ = error.severity.empty() ? words : error.severity + ": " + words;
  } catch (const std::bad_alloc&) {
    why_dead_.clear();
  }
}

void Connection::note_path(std::string_view command_tag, const sql::TextTraits& traits,
                           const PathChange& change) noexcept {
  // A procedure or a DO block may do anything, and a text is not asked which.
  const bool lasts = traits.effect != sql::TextEffect::none || command_tag == "DO" || command_tag == "CALL";
  path_.note(command_tag, traits.path, lasts, change);
}

void Connection::forget_statements() noexcept {
  statements_.forget_all();
  session_.prepared_statements_forgotten();
}

void Connection::abandon() noexcept {
  if (conn_ == nullptr) return;
  mark_dead();
  // libpq would write its goodbye, TLS its own, onto the parent's socket: put something deaf in the socket's
  // place.
  const int socket = fd();
  const int deaf = open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool silenced = socket < 0 || (deaf >= 0 && dup3(deaf, socket, O_CLOEXEC) >= 0);
  if (deaf >= 0) close(deaf);
  if (silenced) {
    PQfinish(conn_);
  } else {
    close(socket);  // the rest of the PGconn is given up: freeing it would write
  }
  conn_ = nullptr;
}

}  // namespace copg::pq
