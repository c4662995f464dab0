// copg-bench: the benchmarks of the core. Needs a server: DATABASE_URL (see `copg with-postgres`).
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (std::getenv("DATABASE_URL") == nullptr) {
    std::fputs("copg-bench: set DATABASE_URL, or run: copg with-postgres -- copg-bench\n", stderr);
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
