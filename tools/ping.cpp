// See ping.hpp.
#include "ping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <copg/copg.hpp>
#include <vector>

#include "database_url.hpp"
#include "json_text.hpp"

namespace copg::tools {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;
using Clock = std::chrono::steady_clock;

struct Findings {
  Milliseconds connect{};
  Milliseconds least{};
  Milliseconds median{};
  std::string version{};
  std::optional<std::string> tls{};  ///< The protocol's version; nothing: no TLS.
  bool in_recovery = false;
};

Milliseconds time_of(auto&& action) {
  const auto start = Clock::now();
  action();
  return Clock::now() - start;
}

Findings look(const PingOptions& options) {
  PooledDatabase db(config_from(options.url), {.min_size = 0,
                                               .max_size = 1,
                                               .timeout = Seconds(options.timeout),
                                               .connect_timeout = Seconds(options.timeout)});
  Findings found;
  std::optional<Connection> connection;
  found.connect = time_of([&] { connection.emplace(db.connection()); });
  connection->autocommit(true);
  std::vector<Milliseconds> times;
  for (int i = 0; i < options.count; ++i) times.push_back(time_of([&] { connection->execute("SELECT 1"); }));
  std::sort(times.begin(), times.end());
  found.least = times.front();
  found.median = times[times.size() / 2];
  found.version = connection->fetch_val<std::string>("SHOW server_version");
  found.in_recovery = connection->fetch_val<bool>("SELECT pg_is_in_recovery()");
  found.tls = connection->fetch_val<std::optional<std::string>>(
      "SELECT (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl)");
  return found;
}

}  // namespace

void ping(const PingOptions& options, std::FILE* out) {
  const Findings found = look(options);
  const char* role = found.in_recovery ? "standby" : "primary";
  if (options.json) {
    fmt::print(out,
               R"({{"connect_ms":{:.3f},"round_trip_min_ms":{:.3f},"round_trip_median_ms":{:.3f},)"
               R"("server_version":{},"tls":{},"role":"{}"}})"
               "\n",
               found.connect.count(), found.least.count(), found.median.count(), json_string(found.version),
               found.tls ? json_string(*found.tls) : "null", role);
    return;
  }
  fmt::print(out, "connect     {:.2f} ms\n", found.connect.count());
  fmt::print(out, "round trip  {:.3f} ms least, {:.3f} ms median of {}\n", found.least.count(),
             found.median.count(), options.count);
  fmt::print(out, "server      PostgreSQL {}, {}\n", found.version, role);
  fmt::print(out, "TLS         {}\n", found.tls.value_or("no"));
}

}  // namespace copg::tools
