// Acquire and release on an open pool, beside a bare mutex and stack.
#include <benchmark/benchmark.h>
#include <copg/copg.hpp>

#include <mutex>
#include <thread>
#include <vector>

#include "measure.hpp"

namespace copg::bench {
namespace {

PooledDatabase open_pool(int size) {
  PooledDatabase db = PooledDatabase::from_env({.min_size = size, .max_size = size});
  db.wait();
  return db;
}

/// `threads` threads, each doing `cycles` cycles; what one cycle costs.
template <class Cycle>
Times cost_of(int threads, int cycles, Cycle cycle) {
  const Times total = time_of([&] {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&] {
        for (int n = 0; n < cycles; ++n) cycle();
      });
    }
  });
  return total / (static_cast<double>(threads) * cycles);
}

void acquire_release_one_thread(benchmark::State& state) {
  PooledDatabase db = open_pool(8);
  for (auto _ : state) {
    auto connection = db.connection();
    benchmark::DoNotOptimize(connection);
  }
}
BENCHMARK(acquire_release_one_thread)->Repetitions(5)->ReportAggregatesOnly();

/// CPU per cycle with several threads, and the same with a mutex around a vector.
void acquire_release_threads(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  const auto size = static_cast<int>(state.range(1));
  constexpr int cycles = 20'000;
  PooledDatabase db = open_pool(size);
  std::mutex mutex;
  std::vector<int> stack(static_cast<std::size_t>(threads), 1);
  Duel duel;
  for (auto _ : state) {
    const Times ours = cost_of(threads, cycles, [&] {
      auto connection = db.connection();
      benchmark::DoNotOptimize(connection);
    });
    const Times bare = cost_of(threads, cycles, [&] {
      int taken = 0;
      {
        const std::lock_guard lock(mutex);
        taken = stack.back();
        stack.pop_back();
      }
      benchmark::DoNotOptimize(taken);
      const std::lock_guard lock(mutex);
      stack.push_back(taken);
    });
    duel.round(ours, bare);
  }
  duel.report(state.counters);
}
BENCHMARK(acquire_release_threads)
    ->ArgNames({"threads", "pool"})
    ->Args({8, 8})
    ->Args({8, 4})
    ->Iterations(15)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace copg::bench
