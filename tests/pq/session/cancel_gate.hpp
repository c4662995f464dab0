// A TCP proxy in front of PostgreSQL that lets everything pass but CancelRequests: those it holds until they
// are let go.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace copg::test {

class CancelGate {
 public:
  explicit CancelGate(std::uint16_t server_port);
  CancelGate(const CancelGate&) = delete;
  CancelGate& operator=(const CancelGate&) = delete;
  ~CancelGate();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// False when fewer have come by the deadline.
  [[nodiscard]] bool wait_for_held(int cancels,
                                   std::chrono::milliseconds patience = std::chrono::seconds(10));
  /// Those that are held now, and all later ones, reach the server.
  void open();
  /// What connections send from now on stays here, until `release_data`. Cancels are not concerned.
  void hold_data() noexcept { data_held_ = true; }
  void release_data() noexcept { data_held_ = false; }
  /// Requests that reached the server and whose connection it has closed.
  [[nodiscard]] int delivered() const noexcept { return delivered_; }

 private:
  void accept_all();
  void serve(int client);
  void pass(int client, int server, bool may_be_held) const;
  bool hold();
  [[nodiscard]] int connect_to_server() const;

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int stop_event_ = -1;
  std::atomic<int> delivered_ = 0;
  std::atomic<bool> data_held_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  int held_ = 0;
  bool open_ = false;
  bool stopping_ = false;
  std::list<std::thread> serving_;
  std::thread accepting_;
};

}  // namespace copg::test
