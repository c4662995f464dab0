// `copg tune`: how many connections a load is best served with, found out by trying.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace copg::tools {

struct TuneOptions {
  std::string url{};            ///< Empty: from the environment.
  std::string sql{};            ///< The statement; empty: those of `file`.
  std::string file{};           ///< Statements, each with a semicolon at the end of its last line.
  bool as_transaction = false;  ///< A request is all of them in one transaction; else one of them, in turn.
  bool writes = false;
  bool alone = false;  ///< Statements of several callers never travel together.
  int callers = 64;
  int max = 0;  ///< The largest size to try; 0: as many as there are callers, or the server has left.
  std::vector<int> sizes{};  ///< To try, and no others; empty: those that the search asks for.
  double seconds = 1;        ///< Of each round.
  int rounds = 3;            ///< For each size.
  int processes = 1;         ///< That will have such a pool each.
  double timeout = 30;       ///< Of a request, and of connecting, in seconds.
  std::string svg{};         ///< A file to draw a chart into.
  bool json = false;
};

/// Measures, and writes a table and the advice to `out`; progress to stderr, if that is a terminal. Returns
/// the exit code: 0, or 130 if it was interrupted; what was measured until then is written. Throws
/// copg::Error, std::invalid_argument for wrong usage, std::runtime_error for a file that can't be read or
/// written.
int tune(const TuneOptions& options, std::FILE* out);

}  // namespace copg::tools
