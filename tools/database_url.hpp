// Which database a command means.
#pragma once

#include <copg/config.hpp>
#include <string>

namespace copg::tools {

/// From `url`, or from the environment if that is empty (copg::Config::from_env). Throws
/// copg::ConfigurationError.
inline Config config_from(const std::string& url) {
  return url.empty() ? Config::from_env() : Config::from_url(url);
}

}  // namespace copg::tools
