// JSON text, as a type of its own: so that it is sent as jsonb and not as a string. Not parsed here.
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace copg {

/// Sent as jsonb; read from json and jsonb. The server checks that `text` is JSON.
struct Json {
  std::string text;
  friend bool operator==(const Json&, const Json&) = default;
};

}  // namespace copg
#pragma GCC visibility pop
