// copg's contestant: coroutines that await AsyncPooledDatabase::execute, on one io_context.
#pragma once

#include <memory>

#include "share/contest.hpp"

namespace copg::bench {

[[nodiscard]] std::unique_ptr<Contestant> make_coroutines(const char* url, int connections, bool share,
                                                          const Statements& statements);

}  // namespace copg::bench
