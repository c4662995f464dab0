// Sends LISTEN, UNLISTEN, or a question about the session, on a connection that listens, and keeps the
// notifications that come with the answer.
//
// The connection must be protocol-idle and in no transaction.
#pragma once

#include <copg/notification.hpp>

#include <string>
#include <vector>

#include "pq/connection.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

/// What has come, in its order.
using Inbox = std::vector<Notification>;

/// Takes out of the connection the notifications that were read. They came in before what is read next.
void take_notifications(Connection& connection, Inbox& inbox);

class ListenOperation final : public Operation {
 public:
  /// `text`: statements without parameters. `inbox` must outlive it.
  ListenOperation(Connection& connection, std::string text, Inbox& inbox);

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;

  /// The first value of the first row that the statements have returned; empty if there is none.
  [[nodiscard]] const std::string& value() const noexcept { return value_; }

 private:
  enum class Phase : std::uint8_t { send, receive, done };

  Step send();
  Step receive();
  Step wait();
  Step lost();

  Connection& connection_;
  const std::string text_;
  Inbox& inbox_;
  std::string value_;
  ErrorPtr refused_;
  Phase phase_ = Phase::send;
};

}  // namespace copg::pq
