// A connect to the world's server.
#pragma once

#include <copg/connect_phase.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pq/connect_settings.hpp"
#include "pq/connection.hpp"
#include "pq/server_room.hpp"

namespace copg::pq {
inline namespace scripted {

class ConnectOperation final : public Operation {
 public:
  explicit ConnectOperation(const ConnectSettings& settings) {
    for (const auto& [keyword, value] : settings.keywords) {
      if (keyword == "password") password_ = value;
    }
  }
  ~ConnectOperation() override {
    if (started_ && !connection_ && !taken_) World::here().forget_fd(attempt_.fd);
  }

  Step advance(Ready /*ready*/) override {
    World& world = World::here();
    if (!std::exchange(started_, true)) attempt_ = world.start_connect();
    if (world.now < attempt_.due) return Step::wait(attempt_.fd, Ready::read_write);
    if (attempt_.fails || !world.serves) {
      auto error = std::make_unique<ErrorInfo>();
      error->kind = ErrorKind::connection_failed;
      error->message = "connection refused";
      error->connection_survives = false;
      return fail(std::move(error));
    }
    if (world.asks_for_password && password_ != std::to_string(world.password)) {
      auto error = std::make_unique<ErrorInfo>();
      error->kind = ErrorKind::connection_failed;
      error->sqlstate = SqlState("28P01");
      error->message = "password authentication failed";
      error->connection_survives = false;
      failure_ = ConnectFailureKind::configuration;
      return fail(std::move(error));
    }
    connection_ = std::make_unique<Connection>(world.open_session(attempt_.fd));
    return Step::finished();
  }
  [[nodiscard]] const char* phase() const noexcept override { return "connecting"; }
  [[nodiscard]] const std::optional<ServerRoom>& room() const noexcept { return room_; }
  [[nodiscard]] ConnectPhase connect_phase() const noexcept { return ConnectPhase::connect; }
  [[nodiscard]] std::unique_ptr<Connection> take_connection() {
    taken_ = true;
    return std::move(connection_);
  }
  [[nodiscard]] ConnectFailureKind failure() const noexcept { return failure_; }
  [[nodiscard]] bool try_next_host() const noexcept { return false; }

 private:
  World::Attempt attempt_{};
  std::unique_ptr<Connection> connection_;
  std::optional<ServerRoom> room_;
  std::string password_;
  ConnectFailureKind failure_ = ConnectFailureKind::transient;
  bool started_ = false;
  bool taken_ = false;
};

}  // namespace scripted
}  // namespace copg::pq
