// A TCP proxy in front of PostgreSQL that can turn silent, hold cancel requests, lose answers and reset
// connections, and counts the turns of the conversation. What passes is never changed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace copg::test {

class Gate {
 public:
  /// Listens on a free loopback port. `server_port` need not be listened on yet.
  explicit Gate(std::uint16_t server_port) : Gate(server_port, 1, 0) {}
  /// Listens on 127.0.0.`last_byte`; port 0: a free one.
  Gate(std::uint16_t server_port, std::uint8_t last_byte, std::uint16_t port);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// postgresql:// address of the gate, for the superuser, without TLS.
  [[nodiscard]] std::string url() const;

  // What happens from now on. Each may be called from any thread.

  /// Nothing passes any more: connections are accepted, what was sent is kept, nobody gets an answer.
  void fall_silent();
  /// Cancel requests are kept from the server; their sockets stay open.
  void hold_cancels();
  /// The answers to the next request that contains `text` do not reach the client: once the server has
  /// answered, or closed, the client's connection is reset.
  void lose_answer_to(std::string text);
  /// The next request that contains `text` does not reach the server: the client's connection is reset.
  void lose_request(std::string text);
  /// Everything passes, also what was kept.
  void open();
  /// Resets every connection that is open.
  void reset_all();

  // What happened so far.

  /// Connections accepted, cancel requests included.
  [[nodiscard]] int accepted() const noexcept { return accepted_; }
  /// Connections open now.
  [[nodiscard]] int connections() const noexcept { return connections_; }
  /// Cancel requests that came, and those held now.
  [[nodiscard]] int cancels() const noexcept { return cancels_; }
  [[nodiscard]] int cancels_held() const noexcept { return cancels_held_; }
  /// How often a client spoke after the server had, or first: round trips.
  [[nodiscard]] int turns() const noexcept { return turns_; }

 private:
  struct Pass;

  void run();
  void accept_one();
  void read_from_client(Pass& pass);
  void read_from_server(Pass& pass);
  bool inspect(Pass& pass);
  bool flush(Pass& pass);
  static void end(Pass& pass);
  void wake() const;

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_event_ = -1;
  std::atomic<int> accepted_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<int> cancels_ = 0;
  std::atomic<int> cancels_held_ = 0;
  std::atomic<int> turns_ = 0;

  std::mutex mutex_;
  bool silent_ = false;
  bool hold_cancels_ = false;
  bool reset_all_ = false;
  bool stopping_ = false;
  std::string lose_answer_to_;
  std::string lose_request_;

  std::list<Pass> passes_;  // of the thread alone
  std::thread thread_;
};

}  // namespace copg::test
