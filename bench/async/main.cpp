// copg-bench-async: coroutines on AsyncPooledDatabase, sharing connections and not, beside a bare libpq and
// epoll loop, in turns.
#include <copg/copg.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/coroutines.hpp"
#include "async/epoll_loop.hpp"

namespace copg::bench {
namespace {

constexpr const char* usage =
    R"(usage: copg-bench-async [--queries=N] [--rounds=N] [--concurrency=N[,N...]] [--only=bare|alone|copg]

  --queries      per turn (20000)
  --rounds       turns of each contestant (11)
  --concurrency  requests under way or waiting at a time (1,10,100,1000)
  --only         one contestant, for a profiler: bare, the loop; alone, copg with share off; copg
DATABASE_URL says where the server is.
)";

struct Arguments {
  long queries = 20'000;
  int rounds = 11;
  std::vector<int> concurrency{1, 10, 100, 1000};
  std::string only{};
};

bool parse(int argc, char** argv, Arguments& arguments) {
  const auto value = [](const char* text, const char* name) -> const char* {
    const std::size_t length = std::strlen(name);
    return std::strncmp(text, name, length) == 0 ? text + length : nullptr;
  };
  for (int i = 1; i < argc; ++i) {
    if (const char* queries = value(argv[i], "--queries=")) {
      arguments.queries = std::atol(queries);
    } else if (const char* rounds = value(argv[i], "--rounds=")) {
      arguments.rounds = std::atoi(rounds);
    } else if (const char* list = value(argv[i], "--concurrency=")) {
      arguments.concurrency.clear();
      for (char* end = nullptr; *list != '\0'; list = *end == ',' ? end + 1 : end) {
        arguments.concurrency.push_back(static_cast<int>(std::strtol(list, &end, 10)));
        if (end == list) return false;
      }
    } else if (const char* only = value(argv[i], "--only=")) {
      arguments.only = only;
    } else {
      return false;
    }
  }
  const bool positive =
      std::all_of(arguments.concurrency.begin(), arguments.concurrency.end(), [](int n) { return n > 0; });
  const bool known = std::ranges::any_of(std::array{"", "bare", "alone", "copg"},
                                         [&](const char* name) { return arguments.only == name; });
  return arguments.queries > 0 && arguments.rounds > 0 && positive && known;
}

void make_table() {
  PooledDatabase db = PooledDatabase::from_env({.min_size = 1, .max_size = 1});
  db.execute(
      "CREATE TABLE IF NOT EXISTS bench_users (id int PRIMARY KEY, name text);"
      "TRUNCATE bench_users;"
      "INSERT INTO bench_users SELECT n, 'user ' || n FROM generate_series(1, " +
      std::to_string(rows) + ") n; ANALYZE bench_users");
}

double quantile(std::vector<double> values, double which) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(which * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// One contestant, and its turns at one concurrency.
struct Entrant {
  const char* name;
  std::unique_ptr<Contestant> contestant;
  std::vector<double> per_second{}, cpu_us{}, latencies{};

  void warm_up(int concurrency, long queries) {  // statements prepared, memory there
    per_second.clear();
    cpu_us.clear();
    latencies.clear();
    contestant->run(concurrency, std::max<long>(queries / 10, 200));
  }
  void take_turn(int concurrency, long queries) {
    const Turn turn = contestant->run(concurrency, queries);
    per_second.push_back(1e9 / turn.cost.wall);
    cpu_us.push_back(turn.cost.cpu / 1e3);
    latencies.insert(latencies.end(), turn.latencies.begin(), turn.latencies.end());
  }
};
using Entrants = std::vector<Entrant>;

/// Of two contestants' turns in the same round.
void print_ratios(const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> ratios(ours.size());
  std::ranges::transform(ours, theirs, ratios.begin(), std::divides());
  std::printf("  %5.2f [%4.2f..%4.2f]", median(ratios), quantile(ratios, 0.25), quantile(ratios, 0.75));
}

/// What the entrant's turns are to those of the first that has that name, if it takes part.
void print_against(const Entrant& entrant, const Entrants& entrants, const char* name,
                   std::vector<double> Entrant::*what) {
  const auto other =
      std::ranges::find_if(entrants, [&](const Entrant& one) { return std::string_view(one.name) == name; });
  if (other == entrants.end() || &*other == &entrant) {
    std::printf("  %19s", "");
  } else {
    print_ratios(entrant.*what, (*other).*what);
  }
}

void compete(int concurrency, const Arguments& arguments, Entrants& entrants) {
  for (Entrant& entrant : entrants) entrant.warm_up(concurrency, arguments.queries);
  for (int round = 0; round < arguments.rounds; ++round) {
    for (std::size_t i = 0; i < entrants.size(); ++i) {
      entrants[(i + static_cast<std::size_t>(round)) % entrants.size()].take_turn(concurrency,
                                                                                  arguments.queries);
    }
  }
  for (const Entrant& entrant : entrants) {
    std::printf("%11d  %-5s %9.0f  %6.2f [%5.2f..%5.2f]  %9.0f %9.0f", concurrency, entrant.name,
                median(entrant.per_second), median(entrant.cpu_us), quantile(entrant.cpu_us, 0.25),
                quantile(entrant.cpu_us, 0.75), quantile(entrant.latencies, 0.5),
                quantile(entrant.latencies, 0.99));
    print_against(entrant, entrants, "bare", &Entrant::cpu_us);
    print_against(entrant, entrants, "alone", &Entrant::per_second);
    std::puts("");
  }
  std::fflush(stdout);
}

int run(const Arguments& arguments) {
  const char* const url = std::getenv("DATABASE_URL");
  if (url == nullptr) {
    std::fputs("copg-bench-async: set DATABASE_URL, or run: copg with-postgres -- copg-bench-async\n",
               stderr);
    return 2;
  }
  make_table();
  Entrants entrants;
  const auto enter = [&](const char* name, auto make) {
    if (arguments.only.empty() || arguments.only == name) entrants.push_back({name, make()});
  };
  enter("bare", [&] { return make_epoll_loop(url); });
  enter("alone", [&] { return make_coroutines(url, false); });
  enter("copg", [&] { return make_coroutines(url, true); });
  std::printf("%ld point selects per turn, %d turns, %d connections; medians [quartiles]\n",
              arguments.queries, arguments.rounds, connections);
  std::puts(
      "concurrency  who   queries/s   client CPU us/query      p50 us    p99 us    CPU by bare's       "
      "queries/s by alone's");
  for (const int concurrency : arguments.concurrency) compete(concurrency, arguments, entrants);
  return 0;
}

}  // namespace
}  // namespace copg::bench

int main(int argc, char** argv) {
  copg::bench::Arguments arguments;
  if (!copg::bench::parse(argc, argv, arguments)) {
    std::fputs(copg::bench::usage, stderr);
    return 2;
  }
  return copg::bench::run(arguments);
}
