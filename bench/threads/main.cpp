// copg-bench-threads: one contestant of `scripts/bench threads`, which takes its turns as it is told.
// bench/python/threads_worker.py is the same for Python.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "run_program.hpp"
#include "threads/contestant.hpp"
#include "threads/turn.hpp"

namespace copg::bench {
namespace {

constexpr const char* usage =
    R"(usage: copg-bench-threads CONTESTANT CONNECTIONS STATEMENT [WORK THREADS SECONDS]

  CONTESTANT  fair, bare libpq and a pool that serves in order; lifo, bare libpq and one that does not; libpqxx, if it
              was built with that, and such a pool; copg; copg-unshared, with share off
  STATEMENT   takes the number of a row, 1 to 1000, and answers with it
  WORK        select, the statement; lease-select, the statement on a lease; transaction, the statement twice in one;
              lease, a lease and nothing else; bursts, 64 of them in a row by each thread, all of which waited for
              the first
Takes one turn, after one that warms up; without WORK, a turn for each line "WORK THREADS SECONDS" on its standard
input. Answers with a line of JSON for each turn. DATABASE_URL says where the server is.
)";

std::unique_ptr<Contestant> make(std::string_view name, const Task& task) {
  if (name == "fair") return make_fair(task);
  if (name == "lifo") return make_lifo(task);
#ifdef COPG_BENCH_LIBPQXX
  if (name == "libpqxx") return make_libpqxx(task);
#endif
  if (name == "copg") return make_copg(task, true);
  if (name == "copg-unshared") return make_copg(task, false);
  return nullptr;
}

void print(const Turn& turn) {
  std::printf(
      R"({"count":%ld,"wall_s":%.6f,"cpu_s":%.6f,"context_switches":%ld,"longest_us":%.1f,"latencies":)",
      turn.count, turn.cost.wall / 1e9, turn.cost.cpu / 1e9, turn.context_switches, turn.longest / 1e3);
  turn.latencies.print(stdout);
  std::puts("}");
  std::fflush(stdout);
}

constexpr const char* warm_up = "0.1";  // seconds, of a turn that is told on the command line

int misused() {
  std::fputs(usage, stderr);
  return 2;
}

/// False: it makes no sense.
bool take_turn(Contestant& contestant, const std::string& line, bool silently = false) {
  std::istringstream words(line);
  std::string work;
  int threads = 0;
  double seconds = 0;
  if (!(words >> work >> threads >> seconds) || threads < 1) return false;
  try {
    const Turn turn = take_turn(contestant, work, threads, seconds);
    if (!silently) print(turn);
  } catch (const std::invalid_argument&) {
    return false;
  }
  return true;
}

int run(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(usage, stdout);
    return 0;
  }
  const char* const url = std::getenv("DATABASE_URL");
  if ((argc != 4 && argc != 7) || url == nullptr || std::atoi(argv[2]) < 1) return misused();
  const auto contestant = make(argv[1], {url, std::atoi(argv[2]), argv[3]});
  if (contestant == nullptr) return misused();
  if (argc == 7) {
    const std::string turn = std::string(argv[4]) + ' ' + argv[5] + ' ';
    return take_turn(*contestant, turn + warm_up, true) && take_turn(*contestant, turn + argv[6]) ? 0
                                                                                                  : misused();
  }
  for (std::string line; std::getline(std::cin, line);) {
    if (!take_turn(*contestant, line)) return misused();
  }
  return 0;
}

}  // namespace
}  // namespace copg::bench

int main(int argc, char** argv) {
  return copg::bench::run_program("copg-bench-threads", copg::bench::run, argc, argv);
}
