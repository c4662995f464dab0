// See tune_load.hpp.
#include "tune_load.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <copg/copg.hpp>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace copg::tools {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;
constexpr std::chrono::milliseconds progress_interval{100};
constexpr double warm_up = 0.1;  // of the period, before requests count

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

PoolOptions options_for(const TuneLoad& load, int size) {
  PoolOptions options{.min_size = size,
                      .max_size = size,
                      .timeout = Seconds(load.timeout_s),
                      .connect_timeout = Seconds(load.timeout_s)};
  options.share = load.share;
  options.name = "copg tune";
  if (!load.writes)
    options.configure = [](Connection& connection) {
      connection.execute("SET default_transaction_read_only = on");
    };
  return options;
}

class Round {
 public:
  Round(const TuneLoad& load, int size, const std::atomic<bool>& stop)
      : load_(load), stop_(stop), db_(load.config, options_for(load, size)) {
    db_.wait(Seconds(load.timeout_s));
  }

  TuneRound run(const TuneProgress& progress) {
    const auto period = std::chrono::duration_cast<Clock::duration>(load_.period);
    const auto begin = Clock::now();
    counts_from_ = begin + std::chrono::duration_cast<Clock::duration>(load_.period * warm_up);
    ends_ = counts_from_ + period;
    std::vector<std::thread> callers;
    for (int i = 0; i < load_.callers; ++i)
      callers.emplace_back([this, i] { work(static_cast<std::size_t>(i)); });
    double busy = processor_seconds();
    auto measured_from = begin;
    while (Clock::now() < ends_ && !over()) {
      std::this_thread::sleep_until(std::min(Clock::now() + progress_interval, ends_));
      if (measured_from == begin && Clock::now() >= counts_from_) {
        busy = processor_seconds();
        measured_from = Clock::now();
      }
      progress(Clock::now() - begin, answered_.load());
    }
    const Clock::time_point measured_until = Clock::now();
    busy = processor_seconds() - busy;
    for (std::thread& caller : callers) caller.join();
    if (error_) std::rethrow_exception(error_);
    const std::chrono::duration<double> elapsed =
        std::min(measured_until, ends_) - std::min(counts_from_, measured_until);
    return summary(elapsed.count(),
                   busy / std::chrono::duration<double>(measured_until - measured_from).count());
  }

 private:
  [[nodiscard]] bool over() const { return stop_.load() || failed_.load(); }

  void ask(std::size_t number) {
    if (!load_.as_transaction) {
      db_.execute(load_.statements[number % load_.statements.size()]);
      return;
    }
    db_.transaction([this](Connection& connection) {
      for (const std::string& sql : load_.statements) connection.execute(sql);
    });
  }

  void work(std::size_t number) {
    std::vector<double> times;
    try {
      for (; Clock::now() < ends_ && !over(); ++number) {
        const auto start = Clock::now();
        ask(number);
        const auto end = Clock::now();
        if (start >= counts_from_ && end <= ends_) times.push_back(Milliseconds(end - start).count());
        answered_.fetch_add(1, std::memory_order_relaxed);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    times_.insert(times_.end(), times.begin(), times.end());
  }

  TuneRound summary(double elapsed_s, double busy) {
    if (times_.empty() || elapsed_s <= 0) return {.client_cpu = busy};
    const auto at = [&](std::size_t percent) {
      const auto place = times_.begin() + static_cast<std::ptrdiff_t>((times_.size() - 1) * percent / 100);
      std::nth_element(times_.begin(), place, times_.end());
      return *place;
    };
    return {.per_second = static_cast<double>(times_.size()) / elapsed_s,
            .p50_ms = at(50),
            .p99_ms = at(99),
            .client_cpu = busy};
  }

  const TuneLoad& load_;
  const std::atomic<bool>& stop_;
  PooledDatabase db_;
  Clock::time_point counts_from_;
  Clock::time_point ends_;
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> answered_ = 0;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::vector<double> times_;  // milliseconds
};

}  // namespace

TuneRound run_round(const TuneLoad& load, int size, const std::atomic<bool>& stop,
                    const TuneProgress& progress) {
  try {
    return Round(load, size, stop).run(progress);
  } catch (const copg::Error& error) {
    if (error.info().sqlstate.text() != "25006") throw;
    throw std::invalid_argument(
        fmt::format("the load writes ({}); --write lets it, many times over", error.what()));
  }
}

ServerRoom look_for_room(const TuneLoad& load) {
  PooledDatabase db(load.config, {.min_size = 0,
                                  .max_size = 1,
                                  .timeout = Seconds(load.timeout_s),
                                  .connect_timeout = Seconds(load.timeout_s)});
  ServerRoom room;
  room.processors = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  db.transaction([&](Connection& connection) {
    room.version = connection.fetch_val<std::string>("SHOW server_version");
    room.allowed = connection.fetch_val<int>("SELECT current_setting('max_connections')::int");
    room.reserved = connection.fetch_val<int>(
        "SELECT current_setting('superuser_reserved_connections')::int"
        " + coalesce(current_setting('reserved_connections', true)::int, 0)");
    room.used = connection.fetch_val<int>(
        "SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> "
        "pg_backend_pid()");
  });
  return room;
}

}  // namespace copg::tools
