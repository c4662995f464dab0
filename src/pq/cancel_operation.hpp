// Asks the server to cancel what a connection is running, over a socket of its own.
//
// It is done when the server (or the pooler in front of it) has closed that socket and so has acted upon the
// request. The cancel may have hit nothing, and the connection's next statement is safe from it only after
// a Sync has come back: AbortOperation makes that round trip. It uses only the connection's address and
// cancel key, so that it may run beside another operation.
#pragma once

#include <memory>

#include "pq/connection.hpp"
#include "pq/operation.hpp"

struct pg_cancel_conn;  // of libpq 17

namespace copg::pq {

class CancelOperation : public Operation {
 public:
  /// Before libpq 17 PQcancel blocks, so that Workers call it, at most this many at a time in the process. A
  /// peer that drops every packet holds one for tcp_user_timeout (before libpq 15 until TCP gives up), a
  /// frozen peer until it goes on. Nothing waits for them, not even the end of the process. Above the limit
  /// an operation fails at once.
  static constexpr int max_workers = 64;

  explicit CancelOperation(Connection& connection);
  /// May come half-way: the request may still reach the server, so the connection must not be used again.
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

/// Asks the server to cancel what the connection runs, soon and on another thread, and does not tell whether
/// that succeeds. For a connection that is about to be closed.
void cancel_and_forget(const Connection& connection) noexcept;

}  // namespace copg::pq
