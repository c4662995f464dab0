// copg-bench-async: coroutines on AsyncPooledDatabase beside a bare libpq and epoll loop, in turns.
#include <copg/copg.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "async/coroutines.hpp"
#include "async/epoll_loop.hpp"

namespace copg::bench {
namespace {

constexpr const char* usage =
    R"(usage: copg-bench-async [--queries=N] [--rounds=N] [--concurrency=N[,N...]] [--only=copg|bare]

  --queries      per turn (20000)
  --rounds       turns of each contestant (11)
  --concurrency  requests under way or waiting at a time (1,10,100,1000)
  --only         one contestant, for a profiler
DATABASE_URL says where the server is.
)";

struct Arguments {
  long queries = 20'000;
  int rounds = 11;
  std::vector<int> concurrency{1, 10, 100, 1000};
  bool copg = true;
  bool bare = true;
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
      arguments.copg = std::strcmp(only, "copg") == 0;
      arguments.bare = std::strcmp(only, "bare") == 0;
    } else {
      return false;
    }
  }
  const bool positive =
      std::all_of(arguments.concurrency.begin(), arguments.concurrency.end(), [](int n) { return n > 0; });
  return arguments.queries > 0 && arguments.rounds > 0 && positive && (arguments.copg || arguments.bare);
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

/// All turns of one contestant at one concurrency.
struct Score {
  std::vector<double> per_second, cpu_us, latencies;

  void add(const Turn& turn) {
    per_second.push_back(1e9 / turn.cost.wall);
    cpu_us.push_back(turn.cost.cpu / 1e3);
    latencies.insert(latencies.end(), turn.latencies.begin(), turn.latencies.end());
  }
  void print(const char* who, int concurrency) const {
    if (cpu_us.empty()) return;
    std::printf("%11d  %-5s %9.0f  %6.2f [%5.2f..%5.2f]  %9.0f %9.0f", concurrency, who, median(per_second),
                median(cpu_us), quantile(cpu_us, 0.25), quantile(cpu_us, 0.75), quantile(latencies, 0.5),
                quantile(latencies, 0.99));
  }
};

void compete(int concurrency, const Arguments& arguments, Contestant* ours, Contestant* theirs) {
  Score copg, bare;
  std::vector<double> ratios;
  for (Contestant* contestant : {ours, theirs}) {  // warm: statements prepared, memory there
    if (contestant != nullptr) contestant->run(concurrency, std::max<long>(arguments.queries / 10, 200));
  }
  for (int round = 0; round < arguments.rounds; ++round) {
    Turn of_ours, of_theirs;
    const bool ours_first = round % 2 == 0;
    if (ours_first && ours != nullptr) of_ours = ours->run(concurrency, arguments.queries);
    if (theirs != nullptr) of_theirs = theirs->run(concurrency, arguments.queries);
    if (!ours_first && ours != nullptr) of_ours = ours->run(concurrency, arguments.queries);
    if (ours != nullptr) copg.add(of_ours);
    if (theirs != nullptr) bare.add(of_theirs);
    if (ours != nullptr && theirs != nullptr) ratios.push_back(of_ours.cost.cpu / of_theirs.cost.cpu);
  }
  bare.print("bare", concurrency);
  if (theirs != nullptr) std::puts("");
  copg.print("copg", concurrency);
  if (!ratios.empty()) {
    std::printf("  %5.2f [%4.2f..%4.2f]", median(ratios), quantile(ratios, 0.25), quantile(ratios, 0.75));
  }
  if (ours != nullptr) std::puts("");
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
  const auto ours = arguments.copg ? make_coroutines(url) : nullptr;
  const auto theirs = arguments.bare ? make_epoll_loop(url) : nullptr;
  std::printf("%ld point selects per turn, %d turns, %d connections; medians [quartiles]\n",
              arguments.queries, arguments.rounds, connections);
  std::puts("concurrency  who   queries/s   client CPU us/query      p50 us    p99 us  CPU ratio copg/bare");
  for (const int concurrency : arguments.concurrency) {
    compete(concurrency, arguments, ours.get(), theirs.get());
  }
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
