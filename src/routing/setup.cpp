#include "routing/setup.hpp"

#include <fmt/format.h>

#include <charconv>

namespace copg::routing {

pq::HostLists host_lists(const Config& config) {
  pq::HostLists lists;
  for (const auto& [keyword, value] : config.keywords()) {
    if (keyword == "host") lists.host = value;
    if (keyword == "hostaddr") lists.hostaddr = value;
    if (keyword == "port") lists.port = value;
  }
  return lists;
}

bool chooses_host(const Config& config) {
  if (config.options.contains("target_session_attrs") || config.options.contains("load_balance_hosts"))
    return false;
  const pq::HostLists lists = host_lists(config);
  return (lists.hostaddr.empty() ? lists.host : lists.hostaddr).find(',') != std::string::npos;
}

Config config_of(const Config& config, const pq::Host& host) {
  Config one = config;
  for (const char* key : {"host", "hostaddr", "port", "target_session_attrs", "load_balance_hosts"})
    one.options.erase(key);
  one.host = host.name.empty() ? host.address : host.name;
  one.port = 0;
  std::from_chars(host.port.data(), host.port.data() + host.port.size(), one.port);
  if (!host.address.empty()) one.options["hostaddr"] = host.address;
  one.options["target_session_attrs"] = "any";  // whatever the environment says to libpq
  return one;
}

std::string to_string(const pq::Host& host) {
  const std::string& where = host.address.empty() ? host.name : host.address;
  if (where.find(':') != std::string::npos) return fmt::format("[{}]:{}", where, host.port);
  return host.port.empty() ? where : fmt::format("{}:{}", where, host.port);
}

}  // namespace copg::routing
