// The picture of processes whose pools are watched by monitors.
#pragma once

#include <string>
#include <vector>

#include "documents.hpp"
#include "picture.hpp"

namespace copg::tools {

/// A process that answered, or what became of it.
struct WatchedProcess {
  std::string address{};                ///< A URL without its token, or a socket's path.
  std::string name{};                   ///< "program 4711"; empty: it never answered.
  std::optional<TopProcess> process{};  ///< Its last document.
  std::string trouble{};                ///< Why it does not answer; empty: it does.
};

Picture picture_of(const std::vector<WatchedProcess>& processes);

/// How a process is called: its program and its number, and its machine if it is not this one.
std::string name_of(const TopProcess& process);

/// One letter for each connection of the pool, and a dot for each that may still be opened; in the same parts
/// if the pool has more than `width`. L leased, r resetting, k checking, x closing, c connecting, i idle.
std::string bar_of(const TopPool& pool, int width);

}  // namespace copg::tools
