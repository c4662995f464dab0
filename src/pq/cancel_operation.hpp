// Asks the server to cancel what a connection is running, over a socket of its own.
//
// Done means that the server (or the pooler in front of it) has closed that socket: the request has been
// acted upon. It may still have hit nothing, and a Sync must come back on the connection before its next
// statement is safe from it: that fence is ResetOperation's. Touches nothing of the connection but its
// address and cancel key, so that it may run beside another operation on it.
#pragma once

#include <memory>

#include "pq/connection.hpp"
#include "pq/operation.hpp"

struct pg_cancel_conn;  // of libpq 17

namespace copg::pq {

class CancelOperation : public Operation {
 public:
  /// Before libpq 17 PQcancel blocks: one of Workers makes it, at most this many at a time in the process.
  /// A peer that drops every packet holds one for tcp_user_timeout (before libpq 15 until TCP gives up), a
  /// frozen one until it goes on. Nobody waits for them, not even the end of the process. Above the limit an
  /// operation fails at once.
  static constexpr int max_workers = 64;

  explicit CancelOperation(Connection& connection);
  /// Half-way is safe: the request may still reach the server, and the connection must not be used again.
  ~CancelOperation() override;

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;

 private:
  enum class Phase : std::uint8_t {
    start,         // nothing was sent
    worker,        // PQcancel runs on a worker
    conversation,  // PQcancelPoll (libpq 17)
    done,
  };
  struct Worker;

  Step start();
  Step start_worker();
  Step poll_worker();
  Step start_conversation();
  Step poll_conversation();
  Step wait_for(Ready what);
  Step fail_with(const char* what, const char* reason);

  Connection& connection_;
  Phase phase_ = Phase::start;
  std::shared_ptr<Worker> worker_;
  pg_cancel_conn* conversation_ = nullptr;
  Step last_step_;
};

/// Asks the server to cancel what the connection runs, from another thread, soon; nobody is told whether that
/// went well. For a connection that is about to be closed.
void cancel_and_forget(const Connection& connection) noexcept;

}  // namespace copg::pq
