// Checks that release builds make, too: where one fails, the program ends with a message that names it,
// rather than give a caller the connection of another.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace copg::pool {

[[noreturn, gnu::cold, gnu::noinline]] inline void end_without(const char* invariant) noexcept {
  std::fprintf(stderr, "copg: violated: \"%s\"; this is a bug of copg, please report it\n", invariant);
  std::abort();
}

/// `what`: a sentence that is true as long as `holds` is.
constexpr void invariant(bool holds, const char* what) noexcept {
  if (!holds) [[unlikely]]
    end_without(what);
}

}  // namespace copg::pool
