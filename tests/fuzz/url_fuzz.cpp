// Connection URLs, and the way back: dsn and the keywords for libpq.
#include <copg/config.hpp>
#include <copg/error.hpp>

#include <optional>

#include "fuzz/target.hpp"

namespace copg::fuzz {
namespace {

std::optional<Config> parsed(std::string_view url) {
  try {
    return Config::from_url(url);
  } catch (const ConfigurationError&) {
    return std::nullopt;
  }
}

}  // namespace

void fuzz(std::string_view text) {
  const std::optional<Config> config = parsed(text);
  if (!config) return;
  static_cast<void>(to_string(*config));
  static_cast<void>(config->keywords());
  const std::optional<Config> again = parsed(config->dsn());
  require(again.has_value(), "what dsn writes can be read");
  require(*again == *config, "dsn loses nothing");
}

}  // namespace copg::fuzz
