// Opens a connection: resolves, connects and authenticates, host by host. It never blocks on the network, but
// while it starts libpq reads files, such as .pgpass and certificates.
#pragma once

#include <copg/connect_phase.hpp>
#include <copg/params.hpp>

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pq/commit_question.hpp"
#include "pq/connect_settings.hpp"
#include "pq/connection.hpp"
#include "pq/execute_operation.hpp"
#include "pq/operation.hpp"
#include "pq/resolve_operation.hpp"
#include "pq/server_room.hpp"

namespace copg::pq {

class ConnectOperation final : public Operation {
 public:
  // TCP settings, under libpq's names, that the user has not set: a vanished peer is noticed after idle +
  // interval * count = 60 s of silence, unacknowledged data after 30 s.
  static constexpr const char* keepalives_idle_s = "30";
  static constexpr const char* keepalives_interval_s = "10";
  static constexpr const char* keepalives_count = "3";
  static constexpr const char* tcp_user_timeout_ms = "30000";

  explicit ConnectOperation(ConnectSettings settings);
  /// Half-way, it closes the socket.
  ~ConnectOperation() override;

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;
  /// What it waits for.
  [[nodiscard]] ConnectPhase connect_phase() const noexcept;

  /// After `done` without an error, once.
  [[nodiscard]] std::unique_ptr<Connection> take_connection() { return std::move(connection_); }
  /// After `done` without an error, where it was to be asked: nothing if the server did not tell.
  [[nodiscard]] const std::optional<ServerRoom>& room() const noexcept { return room_; }
  /// After `done` with an error.
  [[nodiscard]] ConnectFailureKind failure() const noexcept { return failure_; }
  /// Gives up the host that is being tried: the next `advance(Ready::none)` starts with the one after it.
  /// Returns false, and changes nothing, if no host is left or names are still being resolved.
  bool try_next_host();

 private:
  enum class Phase : std::uint8_t { starting, resolving, connecting, identifying, asking_room, over };
  struct RoomStatement {
    explicit RoomStatement(Connection& connection) : operation(connection, room_text, params) {}
    const Params params;
    ExecuteOperation operation;
  };
  struct Finish {
    void operator()(PGconn* conn) const noexcept;
  };

  void read_effective_options();
  [[nodiscard]] std::string_view effective(std::string_view keyword) const noexcept;
  Step resolve(Ready ready);
  Step start_connecting();
  Step poll();
  Step established();
  Step identify(Ready ready);
  Step start_asking_room();
  Step ask_room(Ready ready);
  void take_room(const Result& answer);
  Step fail_connect();
  Step refuse_gss_encryption();
  [[nodiscard]] bool user_chose_date_style() const;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> final_keywords() const;
  [[nodiscard]] std::size_t current_host() const;
  [[nodiscard]] bool stays_on_this_machine() const;

  ConnectSettings settings_;
  std::vector<std::pair<std::string, std::string>> effective_;  // merged by libpq: environment, service file
  std::unique_ptr<ResolveOperation> resolve_;
  std::vector<Host> hosts_;
  std::unique_ptr<PGconn, Finish> conn_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<FateStatement> identity_;
  std::optional<RoomStatement> room_statement_;
  std::optional<ServerRoom> room_;
  ConnectFailureKind failure_ = ConnectFailureKind::transient;
  Phase phase_ = Phase::starting;
  bool ask_for_date_style_ = false;
};

}  // namespace copg::pq
