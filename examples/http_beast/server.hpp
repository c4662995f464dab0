// An HTTP server of coroutines: listens, reads requests, hands them to a function, sends its answers.
// Bounds everything a client can do: size and time. Knows nothing of databases.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>

namespace example {

using Request = boost::beast::http::request<boost::beast::http::string_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;
/// Must not throw.
using Handler = std::function<boost::asio::awaitable<Response>(const Request&)>;

/// Its members run on its executor, a strand; each client has a strand of its own. Must live until
/// `io.run()` has returned.
class Server {
 public:
  Server(boost::asio::io_context& io, Handler handler);
  ~Server();

  [[nodiscard]] boost::asio::any_io_executor get_executor() const { return strand_; }
  /// On the loopback interface. Port 0: a free one. Returns the port. Throws when it is taken.
  std::uint16_t listen(std::uint16_t port);
  /// Serves until `stop`.
  boost::asio::awaitable<void> serve();
  /// Accepts nobody any more, says goodbye to clients that wait, gives running requests `grace` to be
  /// answered, and cuts off who is left.
  boost::asio::awaitable<void> stop(std::chrono::milliseconds grace);

 private:
  class Session;

  boost::asio::io_context& io_;
  boost::asio::any_io_executor strand_;
  Handler handler_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::list<std::shared_ptr<Session>> sessions_;
  boost::asio::steady_timer no_session_;  // cancelled when the last one has ended
};

}  // namespace example
