// How the programs of the benchmarks end.
#pragma once

#include <cstdio>
#include <exception>

namespace copg::bench {

/// Calls `run`, and gives what it gives; what it throws is told in the name of the program.
inline int run_program(const char* name, int (*run)(int argc, char** argv), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 1;
  }
}

}  // namespace copg::bench
