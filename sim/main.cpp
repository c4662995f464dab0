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
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "sim/cluster/simulation.hpp"
#include "sim/engine/simulation.hpp"
#include "sim/shrink.hpp"
#include "sim/simulation.hpp"

namespace {

using namespace copg;
using namespace copg::sim;

volatile std::sig_atomic_t interrupted = 0;

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t runs = 1000;
  std::uint64_t until = UINT64_MAX;
  std::string trace;
  double seconds = 0;
  bool print = false;
  bool engine = false;
  bool cluster = false;
};

// runs: one in so many is run twice, to prove that it is determined
constexpr std::uint64_t repeat_every = 16;

struct Failure {
  std::string rule;
  std::string text;
};

struct Outcome {
  std::uint64_t inputs = 0;
  std::uint64_t digest = 0;
  std::optional<Failure> failure;
};

/// What is simulated.
class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  /// A seed, at most `until` inputs of it.
  [[nodiscard]] virtual Outcome run(std::uint64_t seed, std::uint64_t until) const = 0;
  /// The inputs of a seed.
  [[nodiscard]] virtual std::string trace_of(std::uint64_t seed, std::uint64_t until) const = 0;
  /// Replays what `trace_of` has given, shortened first if it fails, and `shown` is what remains.
  [[nodiscard]] virtual Outcome replay(std::istream& trace, std::string& shown) const = 0;
};

template <class Result>
Outcome outcome_of(const Result& result) {
  Outcome outcome{result.inputs, result.digest, std::nullopt};
  if constexpr (requires { result.violation; }) {
    if (result.violation) outcome.failure = Failure{result.violation->invariant, result.violation->text};
  } else {
    if (result.broken) outcome.failure = Failure{result.broken->rule, result.broken->text};
  }
  return outcome;
}

class Core final : public Subject {
 public:
  [[nodiscard]] Outcome run(std::uint64_t seed, std::uint64_t until) const override {
    return outcome_of(sim::run(seed, Sabotage::none, until));
  }
  [[nodiscard]] std::string trace_of(std::uint64_t seed, std::uint64_t until) const override {
    Trace trace;
    sim::run(seed, Sabotage::none, until, &trace);
    return to_text(trace);
  }
  [[nodiscard]] Outcome replay(std::istream& file, std::string& shown) const override {
    Trace trace = read_trace(file);
    Outcome outcome = outcome_of(sim::replay(trace));
    if (outcome.failure) shown = to_text(shrink(std::move(trace)));
    return outcome;
  }
};

class Engine final : public Subject {
 public:
  [[nodiscard]] Outcome run(std::uint64_t seed, std::uint64_t until) const override {
    return outcome_of(run_engine(engine_trace(seed, until)));
  }
  [[nodiscard]] std::string trace_of(std::uint64_t seed, std::uint64_t until) const override {
    return to_text(engine_trace(seed, until));
  }
  [[nodiscard]] Outcome replay(std::istream& file, std::string& shown) const override {
    EngineTrace trace = read_engine_trace(file);
    Outcome outcome = outcome_of(run_engine(trace));
    if (!outcome.failure) return outcome;
    const auto fails = [&](const EngineTrace& other) {
      const EngineResult result = run_engine(other);
      return result.broken && result.broken->rule == outcome.failure->rule;
    };
    shown = to_text(shrink_engine(std::move(trace), fails));
    return outcome;
  }
};

class ClusterLogic final : public Subject {
 public:
  [[nodiscard]] Outcome run(std::uint64_t seed, std::uint64_t until) const override {
    return outcome_of(run_cluster(seed, ClusterSabotage::none, until));
  }
  [[nodiscard]] std::string trace_of(std::uint64_t seed, std::uint64_t until) const override {
    ClusterTrace trace;
    run_cluster(seed, ClusterSabotage::none, until, &trace);
    return to_text(trace);
  }
  [[nodiscard]] Outcome replay(std::istream& file, std::string& shown) const override {
    ClusterTrace trace = read_cluster_trace(file);
    Outcome outcome = outcome_of(replay_cluster(trace));
    if (outcome.failure) shown = to_text(shrink_cluster(std::move(trace)));
    return outcome;
  }
};

void explain(const Failure& failure, const std::string& trace) {
  fmt::print("violated: {}: {}\nreplay with --trace FILE:\n{}", failure.rule, failure.text, trace);
}

/// Records a seed that failed, shortens it if it fails without its workload too, and prints it.
int report(const Subject& subject, const Arguments& arguments, std::uint64_t seed, const Failure& failure) {
  fmt::print("seed {} failed\n", seed);
  std::string trace = subject.trace_of(seed, arguments.until);
  std::istringstream file(trace);
  std::string shorter;
  // I8 at the end of a run of the core, C15 and C16 of the cluster: only the run knows the world.
  const Outcome again = subject.replay(file, shorter);
  explain(again.failure.value_or(failure), again.failure ? shorter : trace);
  return 1;
}

int replay_file(const Subject& subject, const Arguments& arguments) {
  std::ifstream file(arguments.trace);
  if (!file) {
    fmt::print(stderr, "cannot read {}\n", arguments.trace);
    return 2;
  }
  std::string shorter;
  const Outcome outcome = subject.replay(file, shorter);
  if (outcome.failure) {
    explain(*outcome.failure, shorter);
    return 1;
  }
  fmt::print("{} inputs, 0 failures\n", outcome.inputs);
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

int run_seeds(const Subject& subject, const Arguments& arguments) {
  Progress progress;
  std::uint64_t inputs = 0;
  std::uint64_t runs = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(arguments.seconds);
  const auto is_over = [&] {
    return runs == arguments.runs || interrupted != 0 ||
           (arguments.seconds > 0 && std::chrono::steady_clock::now() >= end);
  };
  for (; !is_over(); ++runs) {
    const std::uint64_t seed = arguments.seed + runs;
    const Outcome outcome = subject.run(seed, arguments.until);
    inputs += outcome.inputs;
    if (outcome.failure) {
      progress.clear();
      return report(subject, arguments, seed, *outcome.failure);
    }
    if (runs % repeat_every == 0) {
      const Outcome again = subject.run(seed, arguments.until);
      inputs += again.inputs;
      if (again.digest != outcome.digest) {
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
      "Simulates the pool core, with --engine the whole engine, or with --cluster the logic of a cluster: "
      "virtual time, seeded workloads and "
      "faults, "
      "every rule after every input.");
  Arguments arguments;
  app.add_flag(
      "--engine", arguments.engine,
      "Simulate the engine, and the threads and event loops (Asio's, and one of its own) that wait for "
      "it, on a scripted server: statements, leases, observers, configure and its like, detach, "
      "listeners. Not reached: a background on its user's event loop, asyncio's event loop, COPY and "
      "streams on event loops, run");
  app.add_flag(
         "--cluster", arguments.cluster,
         "Simulate the logic of a cluster, in a world of servers with true roles, timelines, replication "
         "with lag, promotions, split brains, partitions, restarts and changing addresses")
      ->excludes("--engine");
  app.add_option("--seed", arguments.seed, "The first seed")->capture_default_str();
  app.add_option("--runs", arguments.runs, "How many seeds to run, one after the other")
      ->capture_default_str();
  app.add_option("--seconds", arguments.seconds, "Begin no further run after so long")
      ->check(CLI::PositiveNumber);
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
  const Core core;
  const Engine engine;
  const ClusterLogic cluster;
  const Subject& subject = arguments.engine    ? static_cast<const Subject&>(engine)
                           : arguments.cluster ? static_cast<const Subject&>(cluster)
                                               : core;
  try {
    if (!arguments.trace.empty()) return replay_file(subject, arguments);
    if (arguments.print) {
      fmt::print("{}", subject.trace_of(arguments.seed, arguments.until));
      return 0;
    }
    return run_seeds(subject, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "copg-sim: {}\n", error.what());
    return 2;
  }
}
