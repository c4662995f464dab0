// copg-sim: runs seeds of the simulation, or replays a trace; a failure is shrunk and printed.
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>

#include "sim/shrink.hpp"
#include "sim/simulation.hpp"

namespace {

using namespace copg::sim;

volatile std::sig_atomic_t interrupted = 0;

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t runs = 1000;
  std::uint64_t until = UINT64_MAX;
  std::string trace;
  bool print = false;
};

// runs: one in so many is run twice, to prove that it is determined
constexpr std::uint64_t repeat_every = 16;

void explain(const Trace& trace, const Violation& violation) {
  fmt::print("violated: {}: {}\n{} inputs; replay them with --trace FILE:\n{}", violation.invariant,
             violation.text, trace.inputs.size(), to_text(trace));
}

/// Records a seed that failed, shrinks it if it fails without its workload too, and prints it.
int report(const Arguments& arguments, std::uint64_t seed, const Violation& violation) {
  fmt::print("seed {} failed\n", seed);
  Trace trace;
  run(seed, Sabotage::none, arguments.until, &trace);
  if (!replay(trace).violation) {  // I8 at the end: only the run knows that the server is well
    explain(trace, violation);
    return 1;
  }
  trace = shrink(std::move(trace));
  explain(trace, *replay(trace).violation);
  return 1;
}

int replay_file(const Arguments& arguments) {
  std::ifstream file(arguments.trace);
  if (!file) {
    fmt::print(stderr, "cannot read {}\n", arguments.trace);
    return 2;
  }
  const Trace trace = read_trace(file);
  const RunResult result = replay(trace);
  if (result.violation) {
    explain(shrink(trace), *result.violation);
    return 1;
  }
  fmt::print("{} inputs, 0 failures\n", result.inputs);
  return 0;
}

class Progress {
 public:
  void show(std::uint64_t runs, std::uint64_t of, std::uint64_t inputs) {
    if (!terminal_ || Clock::now() < next_) return;
    next_ = Clock::now() + std::chrono::milliseconds(200);
    fmt::print(stderr, "\r{} of {} runs, {} inputs, {:.2f} million per CPU second ", runs, of, inputs,
               rate(inputs) / 1e6);
  }
  void clear() const {
    if (terminal_) fmt::print(stderr, "\r\033[K");
  }
  [[nodiscard]] double rate(std::uint64_t inputs) const {
    const double passed =
        static_cast<double>(std::clock()) / CLOCKS_PER_SEC;  // CPU: other programs don't count
    return static_cast<double>(inputs) / std::max(passed, 1e-6);
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  Clock::time_point next_ = Clock::now();
};

int run_seeds(const Arguments& arguments) {
  Progress progress;
  std::uint64_t inputs = 0;
  std::uint64_t runs = 0;
  for (; runs < arguments.runs && interrupted == 0; ++runs) {
    const std::uint64_t seed = arguments.seed + runs;
    const RunResult result = run(seed, Sabotage::none, arguments.until);
    inputs += result.inputs;
    if (result.violation) {
      progress.clear();
      return report(arguments, seed, *result.violation);
    }
    if (runs % repeat_every == 0) {
      const RunResult again = run(seed, Sabotage::none, arguments.until);
      inputs += again.inputs;
      if (again.digest != result.digest) {
        progress.clear();
        fmt::print("seed {} failed\nviolated: determinism: the same inputs gave other actions\n", seed);
        return 1;
      }
    }
    progress.show(runs, arguments.runs, inputs);
  }
  progress.clear();
  fmt::print("{} runs, {} inputs, {:.0f} inputs per CPU second, 0 failures{}\n", runs, inputs,
             progress.rate(inputs), interrupted != 0 ? " (interrupted)" : "");
  return interrupted != 0 ? 130 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Simulates the pool core: virtual time, seeded workloads and faults, every invariant after every "
      "input.");
  Arguments arguments;
  app.add_option("--seed", arguments.seed, "The first seed")->capture_default_str();
  app.add_option("--runs", arguments.runs, "How many seeds to run, one after the other")
      ->capture_default_str();
  app.add_option("--until", arguments.until, "Stop each run after so many inputs");
  app.add_option("--trace", arguments.trace, "Replay the inputs in this file instead");
  app.add_flag("--print", arguments.print, "Print the trace of the first seed and do nothing else");
  app.footer(
      "Exit: 0 no failure; 1 an invariant was violated, its shrunken trace is printed; 2 bad arguments; 130 "
      "interrupted.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  try {
    if (!arguments.trace.empty()) return replay_file(arguments);
    if (arguments.print) {
      Trace trace;
      run(arguments.seed, Sabotage::none, arguments.until, &trace);
      fmt::print("{}", to_text(trace));
      return 0;
    }
    return run_seeds(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "copg-sim: {}\n", error.what());
    return 2;
  }
}
