// `copg ping`: how far away the database is, and what it is.
#pragma once

#include <cstdio>
#include <string>

namespace copg::tools {

struct PingOptions {
  std::string url{};    ///< Empty: from the environment, as Config::from_env.
  int count = 10;       ///< Round trips to measure. At least 1.
  double timeout = 10;  ///< Seconds for connecting, and for each round trip.
  bool json = false;    ///< One JSON object instead of lines for people.
};

/// Connects, measures, and writes what it found to `out`. Throws copg::Error.
void ping(const PingOptions& options, std::FILE* out);

}  // namespace copg::tools
