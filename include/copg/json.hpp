// JSON text as a type of its own, so that it is sent as jsonb and not as a string. copg does not parse it.
#pragma once

#include <string>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

/// Sent as jsonb; read from json and jsonb. The server checks that `text` is JSON.
struct Json {
  std::string text;

  /// Holds an empty text, which is no JSON.
  Json() = default;
  /// The constructors make it no aggregate: GCC 12 destroys a braced aggregate among the arguments of a
  /// co_await twice.
  explicit Json(std::string json) : text(std::move(json)) {}
  friend bool operator==(const Json&, const Json&) = default;
};

}  // namespace copg
#pragma GCC visibility pop
