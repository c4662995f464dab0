// Ctrl-C in a command that has something to put away: the first asks it to end, the second ends it at once.
#pragma once

#include <atomic>

namespace copg::tools {

inline constexpr int exit_interrupted = 130;

/// From here on the first SIGINT or SIGTERM makes the flag true; the second ends the process with
/// exit_interrupted. Call it before another thread is started: threads inherit the mask of signals.
const std::atomic<bool>& catch_interruption();

}  // namespace copg::tools
