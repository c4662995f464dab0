// .env files.
#include "config/dotenv.hpp"

#include <copg/error.hpp>

#include "fuzz/target.hpp"

namespace copg::fuzz {

void fuzz(std::string_view text) {
  try {
    for (const auto& [key, value] : detail::parse_dotenv(text, "fuzz.env")) {
      require(!key.empty(), "a key has a name");
      require(text.find(key) != std::string_view::npos, "a key stands in the file");
    }
  } catch (const ConfigurationError& error) {
    require(std::string_view(error.what()).find("fuzz.env") != std::string_view::npos,
            "an error names the file");
  }
}

}  // namespace copg::fuzz
