// copg_chaos: a cluster under Patroni that loses its primary, its network and its patience, and a pool that
// must not lose anything. Run by scripts/chaos, and for a moment by the tests.
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "chaos/trial.hpp"
#include "tools/interruption.hpp"

namespace {

using namespace copg::chaos;
using Seconds = std::chrono::duration<double>;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;
constexpr int exit_skipped = 77;

/// What a terminal shows in its last line, and a file does not.
class StatusLine {
 public:
  void show(const std::string& text) {
    if (!shown_) return;
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin_).count();
    fmt::print(stderr, "\r\033[K{} s: {}", passed, text);
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool shown_ = ::isatty(STDERR_FILENO) != 0;
  Clock::time_point begin_ = Clock::now();
};

std::string milliseconds(Seconds time) { return fmt::format("{:.0f} ms", time.count() * 1000); }

void print_round(const Round& round) {
  std::string text = fmt::format("{:<50}", round.event->text);
  if (round.recovery) {
    text += fmt::format("first write {} after the promotion, {} after the last; ",
                        milliseconds(*round.recovery), milliseconds(*round.outage));
  }
  text += fmt::format("{} writes, {} lost, {} twice", round.writes, round.lost, round.twice);
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

/// Median, 99th percentile and maximum.
std::string spread(std::vector<Seconds> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](std::size_t percent) { return times[(times.size() * percent - 1) / 100]; };
  return fmt::format("median {}, p99 {}, longest {}", milliseconds(at(50)), milliseconds(at(99)),
                     milliseconds(times.back()));
}

void print_errors(const char* what, const std::map<std::string, std::int64_t>& errors) {
  for (const auto& [name, count] : errors) fmt::print("  {} {} with {}\n", count, what, name);
}

void print_times(const std::vector<Round>& rounds) {
  std::map<std::string_view, std::vector<Seconds>> recoveries;
  std::map<std::string_view, std::vector<Seconds>> outages;
  for (const Round& round : rounds) {
    if (!round.recovery) continue;
    for (const std::string_view name : {round.event->text, std::string_view("all")}) {
      recoveries[name].push_back(*round.recovery);
      outages[name].push_back(*round.outage);
    }
  }
  for (const auto& [name, times] : recoveries) {
    fmt::print("{}, {}: from the promotion to the first write {}; without a write {}\n", name, times.size(),
               spread(times), spread(outages[name]));
  }
}

/// Whether what is promised was kept.
bool print_result(const std::vector<Round>& rounds, const Counts& counts, bool reads_must_succeed) {
  print_times(rounds);
  std::int64_t lost = 0;
  std::int64_t twice = 0;
  for (const Round& round : rounds) {
    lost += round.lost;
    twice += round.twice;
  }
  fmt::print(
      "{} events; {} writes acknowledged, {} lost, {} there twice; {} reads, {} stale; {} calls late\n",
      rounds.size(), counts.writes, lost, twice, counts.reads, counts.stale, counts.late);
  print_errors("writes ended", counts.write_errors);
  print_errors("reads ended", counts.read_errors);
  const bool reads_failed = reads_must_succeed && !counts.read_errors.empty();
  return lost == 0 && twice == 0 && counts.stale == 0 && counts.late == 0 && !reads_failed && !rounds.empty();
}

std::vector<const Event*> chosen(const std::vector<std::string>& names) {
  std::vector<const Event*> events = all_events();
  if (names.empty()) return events;
  const auto is_left_out = [&](const Event* event) {
    return std::find(names.begin(), names.end(), event->name) == names.end();
  };
  events.erase(std::remove_if(events.begin(), events.end(), is_left_out), events.end());
  return events;
}

int run(const TrialOptions& options) {
  const std::atomic<bool>& interrupted = copg::tools::catch_interruption();
  StatusLine status;
  std::vector<Round> rounds;
  Trial trial(
      options, interrupted,
      [&](const Round& round) {
        status.clear();
        print_round(round);
        rounds.push_back(round);
      },
      [&](const std::string& text) { status.show(text); });
  int result = 0;
  try {
    trial.run();
  } catch (const Interrupted&) {
    result = copg::tools::exit_interrupted;
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "{}\n{}", error.what(), trial.last_words());
    result = exit_failure;
  }
  status.clear();
  const bool kept = print_result(rounds, trial.counts(), !options.haproxy);
  return result == 0 && !kept ? exit_failure : result;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "A PostgreSQL cluster of three nodes under Patroni and etcd, in a temporary folder, and 50 threads "
      "that "
      "write to it and read from it through a pool, while servers are killed and parted.",
      "copg_chaos");
  TrialOptions options;
  double seconds = options.time.count();
  double minutes = 0;
  std::vector<std::string> names;
  std::vector<std::string> known;
  for (const Event* event : all_events()) known.emplace_back(event->name);
  int lag = static_cast<int>(options.lag.count());
  app.add_option("--seconds", seconds, "Begin no event later than that")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--minutes", minutes, "The same in minutes")
      ->check(CLI::PositiveNumber)
      ->excludes("--seconds");
  app.add_option("--seed", options.seed, "For the order of the events")->capture_default_str();
  app.add_option("--event", names, "Only this one; may be repeated")->check(CLI::IsMember(known));
  app.add_option("--threads", options.threads)->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--lag", lag, "How many seconds an event lasts that promotes nothing")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  app.add_flag("--haproxy", options.haproxy, "The pool has one host: HAProxy, with the primary behind it");
  app.footer(
      "Exit codes: 0 nothing was lost, and no promise broken; 1 something was, or the cluster failed; 2 "
      "wrong usage;\n"
      "77 Patroni, etcd or HAProxy is not installed; 130 interrupted.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  options.time = minutes > 0 ? Seconds(minutes * 60) : Seconds(seconds);
  options.events = chosen(names);
  options.lag = std::chrono::seconds(lag);
  if (const std::string missing = PatroniCluster::missing_programs(options.haproxy); !missing.empty()) {
    fmt::print(stderr,
               "SKIPPED: not installed: {} (scripts/bootstrap installs them where the system has them)\n",
               missing);
    return exit_skipped;
  }
  try {
    return run(options);
  } catch (const Interrupted&) {
    return copg::tools::exit_interrupted;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_failure;
  }
}
