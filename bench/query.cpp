// A point select through the pool, beside a bare PQexecPrepared loop on a connection of its own, in turns.
#include <benchmark/benchmark.h>
#include <libpq-fe.h>
#include <copg/copg.hpp>

#include <cstdio>
#include <cstdlib>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "measure.hpp"

namespace copg::bench {
namespace {

constexpr int rows = 1000;
constexpr int calls = 2'000;  // in a turn, per thread

void make_table(PooledDatabase& db) {
  db.execute(
      "CREATE TABLE IF NOT EXISTS bench_users (id int PRIMARY KEY, name text);"
      "TRUNCATE bench_users;"
      "INSERT INTO bench_users SELECT n, 'user ' || n FROM generate_series(1, " +
      std::to_string(rows) + ") n; ANALYZE bench_users");
}

/// libpq and nothing else.
class BareLoop {
 public:
  BareLoop() : conn_(PQconnectdb(std::getenv("DATABASE_URL")), PQfinish) {
    PQclear(PQprepare(conn_.get(), "q", "SELECT id, name FROM bench_users WHERE id = $1", 1, nullptr));
  }
  void query(int id) {
    const std::string text = std::to_string(id);
    const char* const values[] = {text.c_str()};
    PGresult* result = PQexecPrepared(conn_.get(), "q", 1, values, nullptr, nullptr, 0);
    if (PQntuples(result) != 1) std::abort();
    benchmark::DoNotOptimize(PQgetvalue(result, 0, 1));
    PQclear(result);
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> conn_;
};

void query_pool(PooledDatabase& db, int id) {
  const Result result = db.execute("SELECT id, name FROM bench_users WHERE id = $1", id);
  if (result.size() != 1) std::abort();
  benchmark::DoNotOptimize(result[0][1].text());
}

/// What one query costs when each thread makes `calls` of them.
template <class Query>
Times cost_of(int threads, Query query) {
  std::latch start(threads + 1);
  std::vector<std::jthread> running;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      start.arrive_and_wait();
      for (int n = 0; n < calls; ++n) query(thread, 1 + (n * 7919 + thread) % rows);
    });
  }
  const Times total = time_of([&] {
    start.arrive_and_wait();
    running.clear();
  });
  return total / (static_cast<double>(threads) * calls);
}

void point_select(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  PooledDatabase db = PooledDatabase::from_env({.min_size = threads, .max_size = threads});
  db.wait();
  make_table(db);
  std::vector<BareLoop> bare(static_cast<std::size_t>(threads));
  const auto ours = [&](int, int id) { query_pool(db, id); };
  const auto theirs = [&](int thread, int id) { bare[static_cast<std::size_t>(thread)].query(id); };
  cost_of(threads, ours);  // warm: statements prepared, caches filled
  cost_of(threads, theirs);
  Duel duel;
  for (auto _ : state) duel.round(cost_of(threads, ours), cost_of(threads, theirs));
  duel.report(state.counters);
  db.execute("DROP TABLE bench_users");
}
BENCHMARK(point_select)->ArgName("threads")->Arg(1)->Arg(10)->Iterations(15)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace copg::bench
