// copg-bench-share: one contestant of `scripts/bench share`, which takes its turns as it is told; and the
// arrivals of the open loop. bench/python/share_worker.py is the same for Python.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "run_program.hpp"
#include "share/coroutines.hpp"
#include "share/epoll_loop.hpp"

namespace copg::bench {
namespace {

constexpr const char* usage =
    R"(usage: copg-bench-share CONTESTANT CONNECTIONS FAST SLOW
       copg-bench-share arrivals RATE SLOW_PART SECONDS SEED

  CONTESTANT  bare, libpq and epoll; copg; copg-unshared, with share off
  FAST, SLOW  statements that take the number of a row, 1 to 1000, and answer with it
Takes a turn for each line on its standard input, and answers with a line of JSON:
  closed CLIENTS SECONDS fast|slow
  open RATE SLOW_PART SECONDS SEED
DATABASE_URL says where the server is. arrivals: writes when queries are due, to a pipe.
)";

std::unique_ptr<Contestant> make(std::string_view name, const char* url, int connections,
                                 const Statements& statements) {
  if (name == "bare") return make_epoll_loop(url, connections, statements);
  if (name == "copg") return make_coroutines(url, connections, true, statements);
  if (name == "copg-unshared") return make_coroutines(url, connections, false, statements);
  return nullptr;
}

void print(const Turn& turn, const Sharing& before, const Sharing& after) {
  std::printf(R"({"offered":%ld,"dropped":%ld,"scheduled_s":%.6f,"wall_s":%.6f,"cpu_s":%.6f,)"
              R"("shared":%lu,"runs":%lu,"isolated":%lu,"fast":)",
              turn.offered, turn.dropped, turn.scheduled / 1e9, turn.cost.wall / 1e9, turn.cost.cpu / 1e9,
              after.shared - before.shared, after.runs - before.runs, after.isolated - before.isolated);
  turn.fast.print(stdout);
  std::fputs(",\"slow\":", stdout);
  turn.slow.print(stdout);
  std::puts("}");
  std::fflush(stdout);
}

/// False: it makes no sense.
bool take_turn(Contestant& contestant, const std::string& line) {
  std::istringstream words(line);
  std::string loop, kind;
  int clients = 0;
  double seconds = 0;
  Schedule schedule;
  const Sharing before = contestant.sharing();
  Turn turn;
  if (words >> loop; loop == "closed" && words >> clients >> seconds >> kind) {
    turn = contestant.closed_loop(clients, Queries(seconds, kind == "slow"));
  } else if (loop == "open" &&
             words >> schedule.rate >> schedule.slow_part >> schedule.seconds >> schedule.seed) {
    turn = contestant.open_loop(Arrivals(schedule));
  } else {
    return false;
  }
  print(turn, before, contestant.sharing());
  return true;
}

int misused() {
  std::fputs(usage, stderr);
  return 2;
}

int run(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(usage, stdout);
    return 0;
  }
  const char* const url = std::getenv("DATABASE_URL");
  if (argc == 6 && std::strcmp(argv[1], "arrivals") == 0) {
    write_arrivals({std::atof(argv[2]), std::atof(argv[3]), std::atof(argv[4]),
                    static_cast<unsigned>(std::atoi(argv[5]))});
    return 0;
  }
  if (argc != 5 || url == nullptr) return misused();
  const auto contestant = make(argv[1], url, std::atoi(argv[2]), {argv[3], argv[4]});
  if (contestant == nullptr) return misused();
  for (std::string line; std::getline(std::cin, line);) {
    if (!take_turn(*contestant, line)) return misused();
  }
  return 0;
}

}  // namespace
}  // namespace copg::bench

int main(int argc, char** argv) {
  return copg::bench::run_program("copg-bench-share", copg::bench::run, argc, argv);
}
