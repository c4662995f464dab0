// Carries out what the core of the listening decides: connects, sends LISTEN and UNLISTEN, hears what comes,
// and checks a connection that has been silent. For the background only.
//
// A pooler in between is noticed because the session is another one than the connection says. Then a second,
// short connection sends a notification, so that it is known whether one is heard (listening_probe.cpp).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/background_port.hpp"
#include "engine/background_task.hpp"
#include "engine/credentials_call.hpp"
#include "engine/listening/listening.hpp"
#include "engine/setup.hpp"
#include "pq/connect_settings.hpp"
#include "pq/connection.hpp"
#include "pq/listen_operation.hpp"

namespace copg::engine {

class ListeningDriver {
 public:
  /// A connection that has been silent for so long is checked: by then TCP would not have noticed either that
  /// the other side has vanished.
  static constexpr Duration silence = std::chrono::seconds(30);

  /// `ask_credentials` makes the call, if the option is set. `again` makes what is called after each step of
  /// the driver's own: it calls `drive`, and keeps the driver alive.
  struct Surroundings {
    std::function<std::unique_ptr<CredentialsCall>()> ask_credentials;
    std::function<std::function<void()>()> again;
  };
  ListeningDriver(const Setup& setup, Listening& room, pq::ConnectSettings settings, Surroundings around);
  ListeningDriver(const ListeningDriver&) = delete;
  ListeningDriver& operator=(const ListeningDriver&) = delete;
  ~ListeningDriver() = default;

  /// Does what is to be done now.
  void drive(BackgroundPort& port);
  /// Whether it has a connection, or is about to.
  [[nodiscard]] bool active() const noexcept { return task_ != nullptr || connection_ != nullptr; }
  /// Closes the connection.
  void drop() noexcept;
  /// The port goes away: what it waited for, to be destroyed without a mutex.
  [[nodiscard]] std::unique_ptr<BackgroundTask> take_task() noexcept { return std::move(task_); }
  /// In a forked child: leaves the parent's socket alone.
  void abandon() noexcept;

 private:
  using Ended = void (ListeningDriver::*)(BackgroundTask::End);

  void run(std::unique_ptr<pq::Operation> operation, Duration timeout, Ended ended);
  void connect();
  void credentials_given(BackgroundTask::End end);
  void connected(BackgroundTask::End end);
  void connect_failed(ErrorInfo error, pool::ConnectFailure failure);
  void send(const ListeningCore::Action& action);
  void answered(BackgroundTask::End end);
  void acknowledge();
  void hear();
  void heard(BackgroundTask::End end);
  void check();
  void deliver();
  /// False: the operation has failed, and what follows was done.
  [[nodiscard]] bool went_well(BackgroundTask::End end, const char* too_slow);
  void lost(ErrorInfo error);
  void refused(ErrorInfo error);
  [[nodiscard]] std::string value();

  // listening_probe.cpp
  void probe();
  void probe_listens(BackgroundTask::End end);
  void probe_connected(BackgroundTask::End end);
  void probe_sent(BackgroundTask::End end);
  void probe_waits();
  void probe_heard(BackgroundTask::End end);
  void probe_ended(BackgroundTask::End end);
  void refuse_pooler();

  const Setup& setup_;
  Listening& room_;
  const pq::ConnectSettings settings_;
  const Surroundings around_;
  const Duration connect_timeout_;
  BackgroundPort* port_ = nullptr;  // while it drives
  pq::ConnectSettings present_;     // of this connect
  pq::Inbox inbox_;
  pq::Inbox fresh_;  // of the probe
  // The tasks go before their connections.
  std::unique_ptr<pq::Connection> connection_;
  std::unique_ptr<pq::Connection> sender_;  // of the probe
  std::unique_ptr<BackgroundTask> task_;
  std::string session_;  // the backend's pid, once it was asked for
  bool pooled_ = false;  // a pooler stands in between
  std::string probe_{};  // the channel
  TimePoint probe_until_{};
};

}  // namespace copg::engine
