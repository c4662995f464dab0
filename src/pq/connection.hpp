// A connection to a server: the PGconn, what its session has become, and its prepared statements.
//
// Operations (operation.hpp) talk to the server; it holds what outlives them. Not thread-safe. Never blocks.
#pragma once

#include <libpq-fe.h>

#include <copg/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pq/commit_doubt.hpp"
#include "pq/kept_open.hpp"
#include "pq/notices.hpp"
#include "pq/operation.hpp"
#include "pq/path_state.hpp"
#include "pq/session_state.hpp"
#include "pq/statement_cache.hpp"
#include "pq/tls_bytes.hpp"
#include "pq/transaction_command.hpp"

namespace copg::pq {

class Connection {
 public:
  /// Takes an established connection: non-blocking, protocol-idle. Owned; PQfinish at destruction.
  explicit Connection(PGconn* conn, bool prepare);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Says goodbye (Terminate) and closes. Does not block: the socket is non-blocking.
  ~Connection();

  [[nodiscard]] PGconn* raw() const noexcept { return conn_; }
  [[nodiscard]] int fd() const noexcept { return PQsocket(conn_); }
  [[nodiscard]] int backend_pid() const noexcept { return PQbackendPID(conn_); }
  [[nodiscard]] int server_version() const noexcept { return PQserverVersion(conn_); }
  /// Empty if the server has not reported it.
  [[nodiscard]] std::string_view parameter_status(const char* name) const noexcept;

  /// One look at the socket (recv with MSG_PEEK | MSG_DONTWAIT), for just before the first bytes of a lease:
  /// false if the peer has closed or reset it, or has sent a message that says so. Consumes harmless messages
  /// (NOTIFY, ParameterStatus, anything under TLS) through libpq. Costs one system call if there is nothing.
  [[nodiscard]] bool looks_alive() noexcept;
  /// Forgets what the statements of the last lease did.
  void lease_begins() noexcept {
    chose_read_only_ = parameters_doubtful_ = may_have_written_ = false;
    resolve_commit_.reset();
    path_.lease_begins();
  }
  /// False once an operation has seen the connection die (or PQstatus says so).
  [[nodiscard]] bool alive() const noexcept { return !dead_ && PQstatus(conn_) == CONNECTION_OK; }
  void mark_dead() noexcept { dead_ = true; }
  /// A cancel of what it runs is on its way. For any thread.
  void count_cancel() const noexcept { cancels_sent_.fetch_add(1, std::memory_order_relaxed); }
  /// How many there were since the last call.
  [[nodiscard]] std::uint32_t take_cancels_sent() noexcept {
    return cancels_sent_.exchange(0, std::memory_order_relaxed);
  }
  /// Whether libpq knows that the socket is gone; a connection that can't be used again may have it still.
  [[nodiscard]] bool lost() const noexcept { return PQstatus(conn_) != CONNECTION_OK; }
  /// Whether the server's final FATAL message has been read.
  [[nodiscard]] bool fatal_notice_seen() noexcept {
    (void)PQisBusy(conn_);  // parses it
    return notices_.farewell();
  }
  /// Whether the server has said something at the end that concerns other sessions, too: it shuts down, has
  /// crashed, drops the database, or was told to end sessions.
  [[nodiscard]] bool server_ends() noexcept;
  /// The error of a lost connection: the server's final message if it was read, else libpq's.
  [[nodiscard]] ErrorPtr final_error(std::string_view sql);
  /// Why the connection is dead, or its server counts as demoted: the server's message, or else how it was
  /// noticed. Empty for a healthy connection.
  [[nodiscard, gnu::cold]] std::string why_dead();
  /// Whether the server has proved to be a demoted primary, by SQLSTATE 25006 where it had accepted writes.
  [[nodiscard]] bool demoted() const noexcept;

  /// Which server it is, as it said when the connection was opened; nullptr: it was not asked, or did not
  /// say.
  [[nodiscard]] const ServerIdentity* identity() const noexcept { return identity_ ? &*identity_ : nullptr; }
  void identify(std::optional<ServerIdentity> identity) { identity_ = std::move(identity); }
  /// Whether a statement may have written since the last transaction ended.
  [[nodiscard]] bool may_have_written() const noexcept { return may_have_written_; }
  /// Whether the open transaction asks that a lost COMMIT be resolved; nothing if it does not say.
  [[nodiscard]] std::optional<bool> resolve_commit() const noexcept { return resolve_commit_; }
  void transaction_begins(const Beginning& beginning) noexcept {
    // Until the lease ends, a refused write proves no demotion.
    if (beginning.read_only) chose_read_only_ = true;
    resolve_commit_ = beginning.resolve_commit;
  }
  void transaction_ended() noexcept {
    may_have_written_ = false;
    resolve_commit_.reset();
  }

  /// Whether there is something to read that the socket does not show.
  [[nodiscard]] bool holds_bytes() const noexcept { return tls_ && tls_holds_bytes(conn_); }
  /// What to wait for while an answer is outstanding. `flushed`: all that was put has been sent. While
  /// `holds_bytes`, this is also writing, which is usually possible at once.
  [[nodiscard]] Ready awaits(bool flushed) const noexcept {
    return flushed && !holds_bytes() ? Ready::read : Ready::read_write;
  }

  /// Whether nothing is outstanding: no operation under way or given up half-way, no pipeline mode, no COPY.
  [[nodiscard]] bool protocol_idle() const noexcept;
  // What the server's last ReadyForQuery said; a failed transaction is one as well.
  [[nodiscard]] bool in_transaction() const noexcept;
  [[nodiscard]] bool in_failed_transaction() const noexcept;
  /// Protocol-idle, and in no transaction.
  [[nodiscard]] bool at_rest() const noexcept { return protocol_idle() && !in_transaction(); }
  /// Whether anybody may lease it: at rest, with an untouched session, and with few orphaned statement names.
  [[nodiscard]] bool clean() const noexcept;

  /// A `configure` callback has returned: the session that it leaves is the baseline. If a text of its said
  /// "read only", a later refusal to write proves no demotion.
  void configured() {
    session_.set_configured(conn_);
    path_.configured(conn_);
    could_write_ = could_write_ && !chose_read_only_;
  }
  /// A reset has wiped the session, which is as it was after the connect.
  void wiped() {
    session_.set_baseline(conn_);
    path_.begin_session(conn_);
  }
  /// The memory that the rows of one answer may take; 0: as much as there is. Not in force for streams
  /// outside a transaction, whose chunks have a bound of their own.
  [[nodiscard]] std::size_t max_result_bytes() const noexcept { return max_result_bytes_; }
  void limit_results(std::size_t bytes) noexcept { max_result_bytes_ = bytes; }
  [[nodiscard]] SessionState& session() noexcept { return session_; }
  [[nodiscard]] const SessionState& session() const noexcept { return session_; }
  [[nodiscard]] StatementCache& statements() noexcept { return statements_; }
  [[nodiscard]] const PathState& path() const noexcept { return path_; }
  [[nodiscard]] Notices& notices() noexcept { return notices_; }
  /// See Notices::tell.
  void tell_notices(Notices::Told told) { notices_.tell(std::move(told)); }

  // For operations, one at a time: each says when its first bytes may have been sent, and when its last
  // answer has come and pipeline mode is left. An operation that is dropped in between leaves the connection
  // not protocol_idle; the members below are what a reset needs to drain it.
  void operation_began() noexcept {
    outstanding_ = true;
    if (notices_.pending()) [[unlikely]]
      notices_.forget();
  }
  void operation_ended() noexcept {
    outstanding_ = false;
    if (path_.watched()) [[unlikely]]
      path_.on_idle(conn_);
    if (savepoints_ > 0 && !in_transaction()) [[unlikely]]
      savepoints_ = 0;
    if (kept_open_) [[unlikely]]
      kept_open_->on_idle(in_transaction());
    // libpq keeps notifications until they are asked for. They come not only after a LISTEN that we see: it
    // may stand in a function, in `configure`, or, behind a pooler, in another's session. To find none takes
    // some 55 instructions.
    while (PGnotify* notification = PQnotifies(conn_)) PQfreemem(notification);
  }
  /// What callers keep open from call to call; nullptr: nothing was yet.
  [[nodiscard]] KeptOpen* kept_open() const noexcept { return kept_open_.get(); }
  [[nodiscard]] KeptOpen& keep_open() {
    if (!kept_open_) kept_open_ = std::make_unique<KeptOpen>();
    return *kept_open_;
  }
  /// What its caller will go on with, such as "a COPY"; nullptr: there is nothing.
  [[nodiscard]] const char* what_is_open() const noexcept {
    return kept_open_ ? kept_open_->what() : nullptr;
  }
  /// Whether something was kept open, and nobody will go on with it: ClearUpOperation ends it.
  [[nodiscard]] bool has_leftovers() const noexcept { return kept_open_ && kept_open_->has_leftovers(); }
  /// Whether an exchange is open that its caller will go on with, or has left behind, outside a transaction.
  [[nodiscard]] bool keeps_exchange() const noexcept {
    return kept_open_ && kept_open_->keeps_exchange() && !kept_open_->within_transaction();
  }

  /// Syncs sent in pipeline mode whose PGRES_PIPELINE_SYNC has not been taken. An unfinished batch may have
  /// no Sync behind it, so that draining needs one more.
  [[nodiscard]] int syncs_pending() const noexcept { return syncs_pending_; }
  void sync_sent() noexcept { ++syncs_pending_; }
  void sync_received() noexcept { --syncs_pending_; }

  /// Whether an operation may set one more savepoint of its own in the open transaction. The server keeps so
  /// many subtransactions where others find them quickly (PGPROC_MAX_CACHED_SUBXIDS in proc.h); with more,
  /// everybody's snapshots cost more.
  [[nodiscard]] bool may_set_savepoint() const noexcept { return savepoints_ < max_savepoints; }
  void savepoint_set() noexcept { ++savepoints_; }

  /// A statement ended with this command tag ("" for an error): updates the session state, and forgets
  /// prepared statements that the statement has wiped.
  void note_statement(std::string_view command_tag, const sql::TextTraits& traits) noexcept {
    if (traits.path != sql::PathEffect::none || path_.watched()) [[unlikely]]
      note_path(command_tag, traits, {});
    note_session(command_tag, traits);
  }
  /// As above, for a statement that has changed the search path or the role as `change` says.
  void note_statement(std::string_view command_tag, const sql::TextTraits& traits,
                      const PathChange& change) noexcept {
    note_path(command_tag, traits, change);
    note_session(command_tag, traits);
  }
  /// An operation ended with this error: remembers whether the connection died or the server proved to be
  /// demoted.
  void note_error(const ErrorInfo& error) noexcept;

  /// In a forked child: lets go of the socket and sends nothing. The connection is dead afterwards.
  void abandon() noexcept;

 private:
  static bool tells_select(std::string_view command_tag) noexcept {  // GCC inlines it, unlike starts_with
    constexpr std::string_view select = "SELECT";
    return command_tag.size() >= select.size() &&
           std::memcmp(command_tag.data(), select.data(), select.size()) == 0;
  }
  void forget_statements() noexcept;
  [[gnu::cold]] void note_path(std::string_view command_tag, const sql::TextTraits& traits,
                               const PathChange& change) noexcept;
  void note_session(std::string_view command_tag, const sql::TextTraits& traits) noexcept {
    if (traits.says_read_only) chose_read_only_ = true;
    if (traits.calls || traits.effect != sql::TextEffect::none || !tells_select(command_tag)) {
      parameters_doubtful_ = true;  // also by a trigger
      may_have_written_ = true;
    }
    if (kept_open_) [[unlikely]]
      kept_open_->note_statement(command_tag);
    session_.note(command_tag, traits.effect);
    if (session_.prepared_statements_gone()) forget_statements();
  }
  [[gnu::cold]] void keep_why_dead(const ErrorInfo& error) noexcept;
  [[gnu::cold]] void keep_end_of_socket(int error) noexcept;

  static constexpr int max_savepoints = 64;

  PGconn* conn_;
  mutable std::atomic<std::uint32_t> cancels_sent_ = 0;
  int syncs_pending_ = 0;
  std::size_t max_result_bytes_ = 0;
  int savepoints_ = 0;  // that operations have set in the open transaction
  bool tls_;
  bool outstanding_ = false;
  bool dead_ = false;
  bool could_write_;              // when it was opened, and configured, as far as the server says
  bool chose_read_only_ = false;  // a text, or an option, of the present lease said "read only"
  // a statement of the present lease may have changed a reported parameter
  bool parameters_doubtful_ = false;
  bool may_have_written_ = false;
  std::optional<bool> resolve_commit_;
  bool refused_write_ = false;  // SQLSTATE 25006 though nothing had said "read only"
  std::string why_dead_;        // as far as an error, or the socket, has told
  std::optional<ServerIdentity> identity_;
  std::unique_ptr<KeptOpen> kept_open_;
  Notices notices_;
  PathState path_;
  StatementCache statements_;
  SessionState session_;
};

}  // namespace copg::pq
