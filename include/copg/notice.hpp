// What a server says beside its answer: RAISE NOTICE, warnings.
#pragma once

#include <copg/sqlstate.hpp>

#include <string>

#pragma GCC visibility push(default)
namespace copg {

/// Strings are empty where there is nothing to say.
struct Notice {
  /// NOTICE, WARNING, INFO, LOG or DEBUG, in English; FATAL from a server that is shutting down.
  std::string severity;
  SqlState sqlstate{};
  std::string message;
  std::string detail{};
  std::string hint{};
  std::string context{};  ///< Where it was raised: the call stack of functions.
};

}  // namespace copg
#pragma GCC visibility pop
