// libpq and epoll, and nothing else: what a program without a library would write for the same work.
#pragma once

#include <memory>

#include "share/contest.hpp"

namespace copg::bench {

[[nodiscard]] std::unique_ptr<Contestant> make_epoll_loop(const char* url, int connections,
                                                          const Statements& statements);

}  // namespace copg::bench
