// The HTTP server of a monitor: listens, reads requests, sends answers and events, on one thread. Everything
// is bounded: clients, bytes of a request, the time that each step may take, and what is kept for one that
// reads slowly.
#pragma once

#include <copg/monitor.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "monitor/answers.hpp"
#include "monitor/board.hpp"
#include "monitor/forks.hpp"
#include "monitor/socket_file.hpp"

namespace copg::monitor {

/// Errors are values here: a client that goes away is no exception.
inline constexpr auto as_values = boost::asio::as_tuple(boost::asio::use_awaitable);

class Server {
 public:
  /// Listens, and starts its thread. Throws ConfigurationError.
  explicit Server(const MonitorOptions& options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// `stop` was called before, in the process that has made it.
  ~Server() = default;

  [[nodiscard]] Board& board() noexcept { return board_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  [[nodiscard]] const std::string& socket_path() const noexcept { return socket_path_; }
  [[nodiscard]] bool left_behind() const noexcept { return Forks::in_child_of(process_); }
  /// Idempotent.
  void stop() noexcept;

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;
  class Session;
  friend class Session;
  template <class Body>
  using Task = boost::asio::awaitable<Body>;

  /// What `stop` destroys, and all clients with it.
  struct Reactor {
    boost::asio::io_context io{1};
    boost::asio::ip::tcp::acceptor port_acceptor{io};
    boost::asio::local::stream_protocol::acceptor socket_acceptor{io};
    boost::asio::steady_timer watched{io};      // cancelled when the first viewer comes
    boost::asio::steady_timer publication{io};  // cancelled with each document
  };

  void listen_on_port();
  void listen_on_socket();
  void run() noexcept;
  template <class Acceptor>
  Task<void> accept(Acceptor* acceptor, bool local);
  void serve(Socket socket, bool local);
  /// Takes samples of the pools.
  Task<void> look();
  /// Makes a document for all that watch, while somebody does.
  Task<void> publish();

  const MonitorOptions options_;
  const Forks::Process process_ = Forks::this_process();
  Board board_;
  Descriptors descriptors_;
  std::optional<SocketFile> socket_file_;
  std::uint16_t port_ = 0;
  std::string url_;
  std::string socket_path_;

  // Of the thread.
  std::size_t clients_ = 0;
  std::size_t local_clients_ = 0;
  std::size_t viewers_ = 0;                       // that have /events open
  std::shared_ptr<const std::string> published_;  // the last event
  std::uint64_t publications_ = 0;

  std::unique_ptr<Reactor> reactor_ = std::make_unique<Reactor>();
  std::optional<Answers> answers_;
  std::mutex stopping_;
  std::thread thread_;
};

}  // namespace copg::monitor
