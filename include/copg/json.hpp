// JSON text, as a type of its own: so that it is sent as jsonb and not as a string. Not parsed here.
#pragma once

#include <string>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

/// Sent as jsonb; read from json and jsonb. The server checks that `text` is JSON.
struct Json {
  std::string text;

  /// The empty text, which is no JSON.
  Json() = default;
  /// Has constructors so that it is no aggregate: GCC 12 destroys one that is written among the arguments of
  /// a co_await twice.
  explicit Json(std::string json) : text(std::move(json)) {}
  friend bool operator==(const Json&, const Json&) = default;
};

}  // namespace copg
#pragma GCC visibility pop
