// A connection to a server: the PGconn, what its session has become, and its prepared statements.
//
// Operations (operation.hpp) do the talking; this holds what outlives them. Not thread-safe. Never blocks.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pq/session_state.hpp"
#include "pq/statement_cache.hpp"

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
  /// Empty when the server never reported it.
  [[nodiscard]] std::string_view parameter_status(const char* name) const noexcept;

  /// One look at the socket (recv with MSG_PEEK | MSG_DONTWAIT), for just before the first bytes of a lease: false when
  /// the peer has closed, reset, or left an unsolicited message that says so. Consumes harmless messages (NOTIFY,
  /// ParameterStatus, anything under TLS) through libpq. Costs one system call when nothing is there.
  [[nodiscard]] bool looks_alive() noexcept;
  /// False once an operation has seen the connection die (or PQstatus says so).
  [[nodiscard]] bool alive() const noexcept;
  void mark_dead() noexcept { dead_ = true; }
  /// True once the server has proved to be a demoted primary: SQLSTATE 25006 where writing was possible before, or
  /// in_hot_standby / default_transaction_read_only reported "on" after it was "off".
  [[nodiscard]] bool demoted() const noexcept;

  /// Nothing is outstanding: no operation in flight or given up half-way, no pipeline mode, no COPY.
  [[nodiscard]] bool protocol_idle() const noexcept;
  /// The server's last ReadyForQuery said in a transaction, or in a failed one.
  [[nodiscard]] bool in_transaction() const noexcept;
  [[nodiscard]] bool in_failed_transaction() const noexcept;
  /// Protocol-idle, in no transaction, session untouched: it can be leased to anybody.
  [[nodiscard]] bool clean() const noexcept;

  [[nodiscard]] SessionState& session() noexcept { return session_; }
  [[nodiscard]] const SessionState& session() const noexcept { return session_; }
  [[nodiscard]] StatementCache& statements() noexcept { return statements_; }

  /// In a forked child: lets go of the socket without a word on the wire. The connection is dead afterwards.
  void abandon() noexcept;

 private:
  PGconn* conn_;
  SessionState session_;
  StatementCache statements_;
  bool dead_ = false;
};

}  // namespace copg::pq
