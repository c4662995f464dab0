// What a pool is worth, in ten seconds: the same requests with a connection each, and through copg.
//
// Against the server in DATABASE_URL, in a schema of its own, which is gone afterwards, also after Ctrl-C;
// without it against a throw-away server.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <copg/copg.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "interruption.hpp"
#include "quickstart_load.hpp"
#include "testing/throwaway_postgres.hpp"

namespace {

using namespace copg::tools;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

/// One line that moves on a terminal; elsewhere a line each second.
class ProgressLine {
 public:
  explicit ProgressLine(std::string title) : title_(std::move(title)) {}
  ~ProgressLine() {
    if (live_) fmt::print("\r\033[K");
    std::fflush(stdout);
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void operator()(std::chrono::duration<double> elapsed, std::uint64_t requests) {
    const auto second = static_cast<int>(elapsed.count());
    if (!live_ && second == last_second_) return;
    last_second_ = second;
    const double rate = static_cast<double>(requests) / elapsed.count();
    fmt::print("{}{:<22} {:4.1f} s {:>10.0f} requests/s{}", live_ ? "\r" : "", title_, elapsed.count(), rate,
               live_ ? "\033[K" : "\n");
    std::fflush(stdout);
  }

 private:
  std::string title_;
  bool live_ = ::isatty(STDOUT_FILENO) == 1;
  int last_second_ = 0;
};

void print_table(const LoadResult& without, const LoadResult& with) {
  fmt::print("\n{:<22} {:>12} {:>11} {:>11} {:>20}\n", "", "requests/s", "p50", "p99", "connections opened");
  const auto line = [](std::string_view title, const LoadResult& result) {
    fmt::print("{:<22} {:>12.0f} {:>8.2f} ms {:>8.2f} ms {:>20}\n", title, result.requests_per_second,
               result.p50.count() / 1000, result.p99.count() / 1000, result.connections_opened);
  };
  line("a connection each", without);
  line("through the pool", with);
  fmt::print("{:<22} {:>11.1f}x\n", "", with.requests_per_second / without.requests_per_second);
}

void print_stats(const copg::PoolStats& stats) {
  const std::chrono::duration<double, std::milli> waited = stats.requests_wait;
  const double mean =
      stats.requests_queued == 0 ? 0 : waited.count() / static_cast<double>(stats.requests_queued);
  fmt::print(
      "\nThe pool: {} connections ({} available, at most {}), {} requests of which {} waited, {:.2f} ms on "
      "average; "
      "{} errors.\n",
      stats.pool_size, stats.pool_available, stats.pool_max, stats.requests_num, stats.requests_queued, mean,
      stats.requests_errors);
}

bool has_server() {
  const char* const url = std::getenv("DATABASE_URL");
  return url != nullptr && *url != '\0';
}

int run(const LoadOptions& options, bool json) {
  // A signal ends us while it starts, and its watchdog cleans up.
  std::optional<copg::testing::ThrowawayPostgres> server;
  if (!has_server()) {
    fmt::print("starting a throw-away PostgreSQL\n");
    std::fflush(stdout);
    server.emplace(copg::testing::ThrowawayOptions{.tcp = false});
  }
  const std::atomic<bool>& interrupted = catch_interruption();
  const copg::Config config = server ? copg::Config::from_url(server->url()) : copg::Config::from_env();
  fmt::print("{} threads ask for rows of `users` ({} rows) for {:.1f} s each way.\n", options.threads,
             options.rows, options.period.count());
  std::fflush(stdout);
  LoadResult without;
  LoadResult with;
  copg::PoolStats stats;
  {
    const UsersTable table(config, options.rows);
    {
      ProgressLine progress("a connection each");
      without = run_without_pool(config, table.name(), options, interrupted, std::ref(progress));
    }
    if (!interrupted) {
      ProgressLine progress("through the pool");
      with = run_with_pool(config, table.name(), options, interrupted, std::ref(progress), stats);
    }
  }
  if (interrupted) return exit_interrupted;
  print_table(without, with);
  print_stats(stats);
  if (json) {
    fmt::print(R"({{"unpooled_rps":{:.1f},"pooled_rps":{:.1f},"ratio":{:.2f},"pooled_p50_us":{:.1f},)"
               R"("pooled_p99_us":{:.1f},"connections_opened":{}}})"
               "\n",
               without.requests_per_second, with.requests_per_second,
               with.requests_per_second / without.requests_per_second, with.p50.count(), with.p99.count(),
               with.connections_opened);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  LoadOptions options;
  bool json = false;
  double seconds = options.period.count();
  CLI::App app("The same requests with a connection each, and through a pool", "copg-quickstart");
  app.footer(
      "Runs against the server in DATABASE_URL; without it against a throw-away server.\n"
      "Exit codes: 0 done; 1 the server could not be reached or gave a wrong answer; 2 wrong usage; 130 "
      "interrupted.");
  app.add_option("--threads", options.threads, "Threads that ask at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--pool-size", options.pool_size, "Connections the pool may open")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--rows", options.rows, "Rows of the table")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--seconds", seconds, "How long each of the two takes")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  app.add_flag("--json", json, "End with one line of JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  options.period = std::chrono::duration<double>(seconds);
  try {
    return run(options, json);
  } catch (const std::exception& error) {
    fmt::print(stderr, "copg-quickstart: {}\n", error.what());
    return exit_failure;
  }
}
