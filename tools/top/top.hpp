// copg top: what the pools of one or several processes do, at a glance.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace copg::tools {

struct TopOptions {
  std::vector<std::string> monitors{};  ///< URLs or sockets' paths; empty: those whose sockets are found.
  std::string database{};               ///< A server to look at in place of monitors.
  double interval = 1;                  ///< Between two looks, in seconds.
  double timeout = 3;                   ///< Of a question, in seconds.
  bool once = false;                    ///< Print what there is, and end.
  bool json = false;                    ///< With `once`: as JSON.
  bool no_texts = false;                ///< Statements and messages are left out of tables.
};

/// Shows the pools until the user or a signal ends it, or writes them once to `out`. Returns the exit code:
/// 0, 1 if a monitor or the server did not answer (its trouble is written to stderr), or 130 if it was
/// interrupted. Throws copg::Error, std::invalid_argument for wrong usage, std::runtime_error if there is
/// nothing to look at.
int top(const TopOptions& options, std::FILE* out);

}  // namespace copg::tools
