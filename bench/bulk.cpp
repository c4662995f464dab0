// Many rows: execute_many in, beside a bare pipeline of libpq and COPY; decoding out.
#include <benchmark/benchmark.h>
#include <libpq-fe.h>
#include <poll.h>
#include <copg/copg.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace copg::bench {
namespace {

constexpr int row_count = 10'000;

constexpr const char* insert = "INSERT INTO bench_many VALUES ($1, $2)";

/// Calls `send` once for each measured round, with the table empty.
template <class Send>
void into_empty_table(benchmark::State& state, PooledDatabase& db, Send send) {
  db.execute("CREATE TABLE IF NOT EXISTS bench_many (id int, name text)");
  for (auto _ : state) {
    send();
    state.PauseTiming();
    if (db.fetch_val<int>("SELECT count(*)::int FROM bench_many") != row_count) std::abort();
    db.execute("TRUNCATE bench_many");
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * row_count);
  db.execute("DROP TABLE bench_many");
}

void execute_many(benchmark::State& state, bool join_rows) {
  PooledDatabase db = PooledDatabase::from_env({.min_size = 1, .max_size = 1, .join_rows = join_rows});
  std::vector<std::tuple<int, std::string>> rows;
  for (int n = 0; n < row_count; ++n) rows.emplace_back(n, "user " + std::to_string(n));
  into_empty_table(state, db, [&] { db.execute_many(insert, rows); });
}
BENCHMARK_CAPTURE(execute_many, row_by_row, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(execute_many, joined, true)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The same rows as one pipeline of libpq, and nothing else: what row by row could reach.
class BarePipeline {
 public:
  BarePipeline() : conn_(PQconnectdb(std::getenv("DATABASE_URL")), PQfinish) {
    if (PQsetnonblocking(conn_.get(), 1) != 0) std::abort();
  }
  void send() {
    PGconn* const conn = conn_.get();
    PQenterPipelineMode(conn);
    PQsendPrepare(conn, "", insert, 2, nullptr);
    int sent = 0;
    for (bool ended = false; !ended;) {
      for (int put = 0; put < rows_at_once && sent < row_count; ++put, ++sent) put_row(sent);
      if (sent == row_count) {
        PQpipelineSync(conn);
        ++sent;
      }
      const bool full = PQflush(conn) > 0;
      const bool more = full || sent < row_count;
      pollfd wait{
          .fd = PQsocket(conn), .events = static_cast<short>(more ? POLLIN | POLLOUT : POLLIN), .revents = 0};
      poll(&wait, 1, -1);
      if ((wait.revents & POLLIN) != 0) ended = take_results();
    }
    PQexitPipelineMode(conn);
  }

 private:
  static constexpr int rows_at_once = 100;

  void put_row(int n) {
    const std::string id = std::to_string(n);
    const std::string name = "user " + id;
    const std::array<const char*, 2> values = {id.c_str(), name.c_str()};
    PQsendQueryPrepared(conn_.get(), "", 2, values.data(), nullptr, nullptr, 0);
  }
  /// True: all have come.
  bool take_results() {
    PQconsumeInput(conn_.get());
    for (int without = 0; without < 2 && PQisBusy(conn_.get()) == 0;) {
      PGresult* const result = PQgetResult(conn_.get());
      const ExecStatusType status = PQresultStatus(result);
      PQclear(result);
      if (result == nullptr) {
        ++without;
        continue;
      }
      without = 0;
      if (status == PGRES_PIPELINE_SYNC) return true;
      if (status != PGRES_COMMAND_OK) std::abort();
    }
    return false;
  }

  std::unique_ptr<PGconn, void (*)(PGconn*)> conn_;
};

void bare_pipeline(benchmark::State& state) {
  PooledDatabase db = PooledDatabase::from_env({.min_size = 1, .max_size = 1});
  BarePipeline pipeline;
  into_empty_table(state, db, [&] { pipeline.send(); });
}
BENCHMARK(bare_pipeline)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The same rows by COPY.
class Lines final : public CopySource {
 public:
  std::string_view next() override {
    line_.clear();
    for (int end = std::min(at_ + lines_at_once, row_count); at_ < end; ++at_) {
      const std::string number = std::to_string(at_);
      line_ += number + "\tuser " + number + '\n';
    }
    return line_;
  }

 private:
  static constexpr int lines_at_once = 100;
  int at_ = 0;
  std::string line_;
};

void copy_in(benchmark::State& state) {
  PooledDatabase db = PooledDatabase::from_env({.min_size = 1, .max_size = 1});
  into_empty_table(state, db, [&] {
    db.transaction([](Connection& conn) {
      Lines lines;
      conn.copy_in("COPY bench_many FROM STDIN", lines);
    });
  });
}
BENCHMARK(copy_in)->Unit(benchmark::kMillisecond)->UseRealTime();

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
