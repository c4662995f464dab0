// The load of `copg tune`: many callers that ask a pool of one size, for a while.
#pragma once

#include <atomic>
#include <chrono>
#include <copg/config.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tune_search.hpp"

namespace copg::tools {

struct TuneLoad {
  Config config;
  std::vector<std::string> statements;
  bool as_transaction = false;  ///< A request is all of them in one transaction; else one of them, in turn.
  bool writes = false;          ///< Else the sessions are read only.
  bool share = true;            ///< The pool's option.
  int callers = 1;              ///< Threads that ask at the same time.
  std::chrono::duration<double> period{1};  ///< How long a round lasts.
  double timeout_s = 30;                    ///< Of a request, and of connecting.
};

/// Called ten times a second, with how many requests have been answered in the round.
using TuneProgress = std::function<void(std::chrono::duration<double> elapsed, std::uint64_t answered)>;

/// Opens `size` connections, and then lets the callers ask. Ends early when `stop` becomes true. Throws what
/// went wrong first; std::invalid_argument if a statement writes and the load does not.
TuneRound run_round(const TuneLoad& load, int size, const std::atomic<bool>& stop,
                    const TuneProgress& progress);

/// How many connections of the server are left.
struct ServerRoom {
  int allowed = 0;      ///< max_connections
  int reserved = 0;     ///< Of these, for superusers and the like.
  int used = 0;         ///< By other sessions.
  int processors = 0;   ///< Of this machine.
  std::string version;  ///< Of the server.

  [[nodiscard]] int left() const noexcept { return allowed - reserved - used; }
};
/// Throws copg::Error.
ServerRoom look_for_room(const TuneLoad& load);

}  // namespace copg::tools
