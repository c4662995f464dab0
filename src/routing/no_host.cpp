#include "routing/no_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace copg::routing {
namespace {

std::string words_for(const HostView& host, std::uint64_t meant) {
  const std::string name = to_string(host.address);
  if (!host.error.empty()) return fmt::format("{} does not answer: {}", name, host.error);
  if (!host.up) return fmt::format("{} has not answered yet", name);
  const char* const doubt = host.doubted ? ", and is asked again" : "";
  switch (host.verdict) {
    case cluster::Verdict::unknown: break;
    case cluster::Verdict::primary: return fmt::format("{} is a primary{}", name, doubt);
    case cluster::Verdict::replica:
      return fmt::format("{} is a replica on timeline {}{}", name, host.seen.timeline, doubt);
    case cluster::Verdict::fenced:
      return fmt::format(
          "{} says that it is the primary of database system {}, on timeline {}, and so does "
          "another host, or did",
          name, host.seen.system, host.seen.timeline);
    case cluster::Verdict::foreign:
      if (meant != 0)
        return fmt::format("{} belongs to database system {}, and not to {}", name, host.seen.system, meant);
      return fmt::format(
          "{} belongs to database system {}, and another host to another one: the option "
          "system_identifier says which is meant",
          name, host.seen.system);
  }
  return fmt::format("{} has not answered yet", name);
}

const char* name_of(cluster::Role role) {
  switch (role) {
    case cluster::Role::primary: return "primary";
    case cluster::Role::replica: return "replica that was fit";
    case cluster::Role::any: break;
  }
  return "server";
}

}  // namespace

ErrorInfo no_host(const RoutingSetup& setup, const std::vector<HostView>& hosts, cluster::WaitError error,
                  cluster::Role role, Duration waited, const std::string& names_error) {
  ErrorInfo info{.kind = ErrorKind::pool_timeout, .connection_survives = false};
  switch (error) {
    case cluster::WaitError::none:
    case cluster::WaitError::timeout:
    case cluster::WaitError::no_replica:
      info.message = fmt::format("pool '{}' had no {} for {:.3g} s", setup.name, name_of(role),
                                 std::chrono::duration<double>(waited).count());
      break;
    case cluster::WaitError::foreign_token:
      info.kind = ErrorKind::usage;
      info.message = fmt::format("pool '{}': the token is of another database system", setup.name);
      return info;
    case cluster::WaitError::closed:
      info.kind = ErrorKind::pool_closed;
      info.message = fmt::format("pool '{}' is closed", setup.name);
      return info;
  }
  const char* separator = ": ";
  for (const HostView& host : hosts) {
    info.message += separator + words_for(host, setup.options.system_identifier);
    separator = "; ";
    if (info.cause.empty()) info.cause = host.error;
  }
  if (!names_error.empty()) {
    info.message += separator + names_error;
    info.cause = names_error;
  }
  return info;
}

}  // namespace copg::routing
