// copg-bench-rows: many rows to structs, in several ways that take turns. `scripts/bench rows` drives it.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "measure.hpp"
#include "rows/contestant.hpp"
#include "run_program.hpp"
#include "stay_on_last_cpu.hpp"

namespace copg::bench {
namespace {

constexpr const char* usage =
    R"(usage: copg-bench-rows MIX [ROUNDS]
       copg-bench-rows MIX CONTESTANT COUNT

  MIX         plain: int4, text, text that may be NULL, bool, float8, int8;
              dated: int8, text, timestamptz, numeric, bool, text that may be NULL
  ROUNDS      in each of which every contestant reads 10,000 rows once, in turns (100)
  CONTESTANT  unread, by-hand, copg, or libpqxx, if it was built with that: reads them COUNT times, and says nothing
Prints of each contestant, per row: the CPU time in ns, its lower and upper quartile, and the wall time; and copg's CPU
time as a ratio to its own. Medians of the rounds. DATABASE_URL says where the server is.
)";

constexpr std::size_t row_count = 10'000;

const std::map<std::string_view, std::string> statements = {
    {"plain",
     "SELECT n::int4, 'user ' || n, CASE WHEN n % 3 <> 0 THEN 'u' || n || '@example.com' END, n % 2 = 0, "
     "n * 1.1::float8, n::int8 * 1000003 FROM generate_series(1, 10000) n"},
    {"dated",
     "SELECT n::int8, 'user ' || n, timestamptz '2024-01-31 12:00:00.25+00' + n * interval '7 h 1.000001 s', "
     "(n * 1.01)::numeric(12, 2), n % 2 = 0, CASE WHEN n % 3 <> 0 THEN 'u' || n || '@example.com' END "
     "FROM generate_series(1, 10000) n"}};

using Make = std::unique_ptr<Contestant> (*)(const std::string& url);
const std::vector<std::pair<std::string_view, Make>> makers = {
    {"unread", make_unread},
    {"by-hand", make_by_hand},
#ifdef COPG_BENCH_LIBPQXX
    {"libpqxx", make_libpqxx},
#endif
    {"copg", make_copg},
};

/// Reads the rows once. Without a volatile, nothing would keep the compiler from leaving out what is not
/// looked at.
std::size_t read_once(Contestant& contestant, std::string_view mix) {
  const std::string& sql = statements.at(mix);
  volatile std::size_t read = 0;
  if (mix == "plain") {
    read = contestant.plain(sql).size();
  } else {
    read = contestant.dated(sql).size();
  }
  return read;
}

struct Entry {
  std::string_view name;
  std::unique_ptr<Contestant> contestant;
  std::vector<double> cpu, wall, ratio;
};

/// All that read anything have read the same.
template <class Read>
void require_agreement(std::vector<Entry>& entries, Read read) {
  const auto expected = read(*entries.back().contestant);
  if (expected.size() != row_count) throw std::runtime_error("wrong number of rows");
  for (Entry& entry : entries) {
    const auto rows = read(*entry.contestant);
    if (!rows.empty() && rows != expected)
      throw std::runtime_error("other values: " + std::string(entry.name));
  }
}

/// Memory that a result gives back stays with the process. Else the kernel has to give it anew, cleared, to
/// those contestants behind whose results nothing else happens to lie: as much work as the reading.
void keep_memory() {
  constexpr int enough = 1 << 30;  // bytes
  mallopt(M_TRIM_THRESHOLD, enough);
  mallopt(M_MMAP_THRESHOLD, enough);
}

void contest(std::string_view mix, int rounds, const std::string& url) {
  keep_memory();
  stay_on_last_cpu();
  std::vector<Entry> entries;
  for (const auto& [name, make] : makers) entries.push_back({name, make(url), {}, {}, {}});
  const std::string& sql = statements.at(mix);
  if (mix == "plain") {
    require_agreement(entries, [&](Contestant& contestant) { return contestant.plain(sql); });
  } else {
    require_agreement(entries, [&](Contestant& contestant) { return contestant.dated(sql); });
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      Entry& entry = entries[(i + static_cast<std::size_t>(round)) % entries.size()];
      const Times cost = time_of([&] { read_once(*entry.contestant, mix); }) / row_count;
      entry.cpu.push_back(cost.cpu);
      entry.wall.push_back(cost.wall);
    }
    for (Entry& entry : entries) entry.ratio.push_back(entries.back().cpu.back() / entry.cpu.back());
  }
  for (const Entry& entry : entries) {
    std::printf("%-8.*s %7.1f %7.1f %7.1f %7.1f %6.3f\n", static_cast<int>(entry.name.size()),
                entry.name.data(), median(entry.cpu), quantile(entry.cpu, 0.25), quantile(entry.cpu, 0.75),
                median(entry.wall), median(entry.ratio));
  }
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
  if (argc < 2 || argc > 4 || url == nullptr || !statements.contains(argv[1])) return misused();
  if (argc < 4) {
    const int rounds = argc == 3 ? std::atoi(argv[2]) : 100;
    if (rounds < 1) return misused();
    contest(argv[1], rounds, url);
    return 0;
  }
  const auto maker = std::find_if(makers.begin(), makers.end(),
                                  [&](const auto& candidate) { return candidate.first == argv[2]; });
  if (maker == makers.end() || std::atoi(argv[3]) < 1) return misused();
  const std::unique_ptr<Contestant> contestant = maker->second(url);
  for (int count = std::atoi(argv[3]); count > 0; --count) read_once(*contestant, argv[1]);
  return 0;
}

}  // namespace
}  // namespace copg::bench

int main(int argc, char** argv) {
  return copg::bench::run_program("copg-bench-rows", copg::bench::run, argc, argv);
}
