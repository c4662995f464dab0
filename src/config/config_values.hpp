// The values of a configuration that have a form of their own: ports, timeouts, server settings. Each throws
// ConfigurationError naming the option, the value and the rule.
#pragma once

#include <copg/config.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace copg::detail {

[[noreturn]] void reject_option(std::string_view option, std::string_view value, std::string_view rule);

/// A port, or several with commas between; sets Config::port, and options["port"] if they differ. Empty: left
/// to libpq.
void set_ports(Config& config, std::string_view option, std::string_view ports);
/// "500", "500ms", "30s", "5min", "1h", "1d"; a number alone counts milliseconds. Parts of a millisecond
/// round up, so that a short timeout does not become none.
std::chrono::milliseconds parse_timeout(std::string_view option, std::string_view text);
/// The value of an environment variable; empty if it is not set.
std::string environment(const char* name);
/// Nothing but what must be given: what libpq or its service file decides is empty.
Config config_without_defaults();

}  // namespace copg::detail
