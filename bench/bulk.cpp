// Many rows: execute_many in, decoding out.
#include <benchmark/benchmark.h>
#include <copg/copg.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace copg::bench {
namespace {

constexpr int row_count = 10'000;

void execute_many(benchmark::State& state) {
  PooledDatabase db = PooledDatabase::from_env({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE IF NOT EXISTS bench_many (id int, name text)");
  std::vector<std::tuple<int, std::string>> rows;
  for (int n = 0; n < row_count; ++n) rows.emplace_back(n, "user " + std::to_string(n));
  for (auto _ : state) {
    db.execute_many("INSERT INTO bench_many VALUES ($1, $2)", rows);
    state.PauseTiming();
    db.execute("TRUNCATE bench_many");
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * row_count);
  db.execute("DROP TABLE bench_many");
}
BENCHMARK(execute_many)->Unit(benchmark::kMillisecond)->UseRealTime();

struct Wide {
  std::int32_t id;
  std::string name;
  std::optional<std::string> email;
  bool active;
  double score;
  std::int64_t visits;
};

/// 10,000 rows of 6 columns to structs; the result is fetched once, outside the measured part.
void decode(benchmark::State& state) {
  PooledDatabase db = PooledDatabase::from_env({.min_size = 1, .max_size = 1});
  const Result result = db.execute(
      "SELECT n::int4, 'user ' || n, CASE WHEN n % 3 = 0 THEN NULL ELSE 'u' || n || '@example.com' END, n % "
      "2 = 0, "
      "n * 1.5::float8, n::int8 * 1000003 FROM generate_series(1, 10000) n");
  for (auto _ : state) benchmark::DoNotOptimize(result.to_vector<Wide>());
  state.SetItemsProcessed(state.iterations() * row_count);
}
BENCHMARK(decode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace copg::bench
