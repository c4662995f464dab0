// A point select through the pool, beside a bare PQexecPrepared loop on a connection of its own, in turns.
#include <benchmark/benchmark.h>
#include <libpq-fe.h>
#include <copg/copg.hpp>

#include <barrier>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "measure.hpp"
#include "stay_on_last_cpu.hpp"

namespace copg::bench {
namespace {

constexpr int rows = 1000;
constexpr int turn = 1'000;  // calls of all threads before the other side's next ones

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

/// Threads that make queries, in turns. They outlive the turns: neither their making nor their first steps
/// count.
class Crew {
 public:
  using Query = std::function<void(int thread, int id)>;

  Crew(int threads, int calls) : threads_(threads), calls_(calls), gate_(threads + 1) {
    for (int thread = 0; thread < threads; ++thread) running_.emplace_back([this, thread] { work(thread); });
  }
  ~Crew() {
    query_ = nullptr;
    gate_.arrive_and_wait();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// What one query costs when each thread makes `calls` of them.
  Times cost_of(const Query& query) {
    query_ = &query;
    const Times total = time_of([this] {
      gate_.arrive_and_wait();
      gate_.arrive_and_wait();
    });
    return total / (static_cast<double>(threads_) * calls_);
  }

 private:
  void work(int thread) {
    stay_on_last_cpu();
    for (gate_.arrive_and_wait(); query_ != nullptr; gate_.arrive_and_wait()) {
      for (int n = 0; n < calls_; ++n) (*query_)(thread, 1 + (n * 7919 + thread) % rows);
      gate_.arrive_and_wait();
    }
  }

  const int threads_;
  const int calls_;
  std::barrier<> gate_;  // opens a turn, and ends it
  const Query* query_ = nullptr;
  std::vector<std::jthread> running_;
};

void point_select(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  PooledDatabase db = PooledDatabase::from_env({.min_size = threads, .max_size = threads});
  db.wait();
  make_table(db);
  std::vector<BareLoop> bare(static_cast<std::size_t>(threads));
  const Crew::Query ours = [&](int, int id) { query_pool(db, id); };
  const Crew::Query theirs = [&](int thread, int id) { bare[static_cast<std::size_t>(thread)].query(id); };
  // Short turns: what else the machine does meanwhile meets both, or spoils a round of many.
  Crew crew(threads, turn / threads);
  crew.cost_of(ours);  // warm: statements prepared, caches filled
  crew.cost_of(theirs);
  Duel duel;
  bool we_begin = false;
  for (auto _ : state) {
    we_begin = !we_begin;
    const Times first = crew.cost_of(we_begin ? ours : theirs);
    const Times second = crew.cost_of(we_begin ? theirs : ours);
    duel.round(we_begin ? first : second, we_begin ? second : first);
  }
  duel.report(state.counters);
  db.execute("DROP TABLE bench_users");
}
BENCHMARK(point_select)->ArgName("threads")->Arg(1)->Arg(10)->Iterations(200)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace copg::bench
