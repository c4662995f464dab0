// One question to a monitor over HTTP.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <stdexcept>
#include <string>

#include "monitor_address.hpp"

namespace copg::tools {

/// Nobody listens there: the process has ended, or has not begun.
class NobodyListens : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The body of the monitor's answer to GET /stats.json, of at most 16 MiB. Throws std::runtime_error that
/// says what went wrong: no connection, no answer in time, a wrong token. Does not block.
boost::asio::awaitable<std::string> ask_monitor(MonitorAddress address, std::chrono::milliseconds timeout);

}  // namespace copg::tools
