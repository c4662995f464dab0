// LISTEN, UNLISTEN, and questions about the session, to the world's server, or to a pooler in front of it.
#pragma once

#include <copg/notification.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

using Inbox = std::vector<Notification>;

inline void take_notifications(Connection& connection, Inbox& inbox) {
  while (auto taken = World::here().take_notification(connection.session_of_server()))
    inbox.push_back(
        {.channel = std::move(taken->channel), .payload = std::to_string(taken->number), .pid = 1});
}

class ListenOperation final : public RoundTrip {
 public:
  ListenOperation(Connection& connection, std::string text, Inbox& inbox)
      : RoundTrip(connection), text_(std::move(text)), inbox_(inbox) {}
  [[nodiscard]] const std::string& value() const noexcept { return value_; }

 private:
  void begin() override {
    if (World::here().once_in(2)) execute();
  }
  bool arrive() override {
    execute();
    if (!executed_) return false;
    take_notifications(connection_, inbox_);
    return true;
  }

  /// Now, or before.
  void execute() {
    sim::Session& session = connection_.session_of_server();
    if (executed_ || session.gone) return;
    executed_ = true;
    for (std::string_view left = text_; !left.empty();) {
      const std::size_t end = left.find(';');
      execute(session, left.substr(0, end));
      left = end == std::string_view::npos ? std::string_view() : left.substr(end + 1);
    }
  }
  void execute(sim::Session& session, std::string_view statement) {
    World& world = World::here();
    const auto name = [](std::string_view it) {
      return std::string(it.starts_with('"') ? it.substr(1, it.size() - 2) : it);
    };
    const bool shared = world.pooler == sim::Pooler::transactions;
    if (statement.starts_with("LISTEN ")) {
      if (!shared) session.channels.insert(name(statement.substr(7)));
    } else if (statement.starts_with("UNLISTEN ")) {
      session.channels.erase(name(statement.substr(9)));
    } else {
      const int behind = world.pooler == sim::Pooler::none ? 0 : 1'000'000;
      value_ = std::to_string(shared ? static_cast<int>(1 + world.choose(3)) : session.fd + behind);
    }
    constexpr std::string_view notify = "pg_notify('";
    const std::size_t at = statement.find(notify);
    if (at == std::string_view::npos) return;
    const std::string_view channel = statement.substr(at + notify.size());
    world.notify(std::string(channel.substr(0, channel.find('\''))));
  }

  const std::string text_;
  Inbox& inbox_;
  std::string value_;
  bool executed_ = false;
};

}  // namespace scripted
}  // namespace copg::pq
