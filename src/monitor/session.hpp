// One client of a monitor: requests that follow each other, or a stream of events.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "monitor/server.hpp"

namespace copg::monitor {

class Server::Session {
 public:
  Session(Server& server, Socket socket, bool local);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  boost::asio::awaitable<void> run();

 private:
  /// Reads a request and answers it. False: it was the last one.
  Task<bool> serve_one();
  Task<bool> send(Response response, bool head);
  Task<void> stream(Response response, bool head);
  /// Closing while the client is still sending would reset the connection, and the answer would be lost.
  Task<void> linger();

  Server& server_;
  boost::beast::basic_stream<boost::asio::generic::stream_protocol> stream_;
  boost::beast::flat_buffer buffer_;
  const int fd_;
  const bool local_;
  bool views_ = false;
};

}  // namespace copg::monitor
