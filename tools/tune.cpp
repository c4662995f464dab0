// See tune.hpp.
#include "tune.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <copg/copg.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "database_url.hpp"
#include "interruption.hpp"
#include "json_text.hpp"
#include "tune_chart.hpp"
#include "tune_load.hpp"
#include "tune_search.hpp"

namespace copg::tools {
namespace {

constexpr double busy_client = 0.9;  // of this machine's processors
constexpr int bar_width = 24;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// A statement ends with the line that ends with a semicolon. Lines that begin with two dashes are left out.
std::vector<std::string> read_statements(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::invalid_argument(fmt::format("{}: {}", path, std::strerror(errno)));
  std::vector<std::string> statements;
  std::string statement;
  const auto end_statement = [&] {
    if (const std::string_view text = trimmed(statement); !text.empty()) statements.emplace_back(text);
    statement.clear();
  };
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = trimmed(line);
    if (text.starts_with("--")) continue;
    statement += line + '\n';
    if (!text.ends_with(';')) continue;
    statement.resize(statement.rfind(';'));
    end_statement();
  }
  end_statement();
  if (statements.empty()) throw std::invalid_argument(path + " has no statement in it");
  return statements;
}

/// One line that moves, on a terminal.
class ProgressLine {
 public:
  ProgressLine() = default;
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { clear(); }
  void show(int size, double elapsed_s, std::uint64_t answered) {
    if (!live_) return;
    fmt::print(stderr, "\r{} connection{}: {:.1f} s, {} requests\033[K", size, size == 1 ? "" : "s",
               elapsed_s, answered);
  }
  void clear() {
    if (live_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool live_ = ::isatty(STDERR_FILENO) == 1;
};

struct Measured {
  ServerRoom room;
  std::map<int, TuneRound> results;
  int advice = 0;
  int best = 0;
  int per_process = 0;
};

void print_head(const Measured& found, const TuneOptions& options, std::FILE* out) {
  const ServerRoom& room = found.room;
  fmt::print(
      out,
      "PostgreSQL {}: {} connections allowed, {} reserved, {} in use. {} callers, {} processors here.\n\n",
      room.version, room.allowed, room.reserved, room.used, options.callers, room.processors);
}

void print_table(const Measured& found, std::FILE* out) {
  fmt::print(out, "{:>11} {:>11} {:>10} {:>10} {:>11}\n", "connections", "requests/s", "p50 ms", "p99 ms",
             "client CPUs");
  const double most = found.results.at(found.best).per_second;
  for (const auto& [size, round] : found.results)
    fmt::print(out, "{:>11} {:>11.0f} {:>10.2f} {:>10.2f} {:>11.2f}  {}{}\n", size, round.per_second,
               round.p50_ms, round.p99_ms, round.client_cpu,
               most > 0 ? bar(round.per_second / most, bar_width) : "", size == found.advice ? " <" : "");
}

void print_advice(const Measured& found, const TuneOptions& options, std::FILE* out) {
  const TuneRound& advised = found.results.at(found.advice);
  const TuneRound& best = found.results.at(found.best);
  fmt::print(out, "\nSet max_size={}", found.per_process);
  if (options.processes > 1)
    fmt::print(out, " in each of {} processes, {} connections in all", options.processes,
               found.per_process * options.processes);
  fmt::print(out,
             ": {} connection{} answer{} {:.0f} requests/s, {:.0f} % of the most that was measured ({}), "
             "99 % of them within {:.2f} ms.\n",
             found.advice, found.advice == 1 ? "" : "s", found.advice == 1 ? "s" : "", advised.per_second,
             best.per_second > 0 ? 100 * advised.per_second / best.per_second : 0, found.best,
             advised.p99_ms);
  const int wanted = found.per_process * options.processes;
  if (wanted > found.room.left())
    fmt::print(
        out,
        "The server has only {} connections left: raise max_connections by {}, or put a pooler in front.\n",
        std::max(0, found.room.left()), wanted - found.room.left());
  if (found.advice == found.results.rbegin()->first && found.results.size() > 1)
    fmt::print(out, "That is the largest size that was tried; more may be better: --max, --callers.\n");
  if (advised.client_cpu >= busy_client * found.room.processors)
    fmt::print(out,
               "This machine's processors were busy with the client alone: what was measured is the client. "
               "Ask from a machine with more of them.\n");
}

void print_json(const Measured& found, const TuneOptions& options, std::FILE* out) {
  fmt::print(
      out,
      R"({{"callers":{},"server":{{"version":{},"max_connections":{},"reserved":{},"used":{}}},"results":[)",
      options.callers, json_string(found.room.version), found.room.allowed, found.room.reserved,
      found.room.used);
  const char* between = "";
  for (const auto& [size, round] : found.results) {
    fmt::print(
        out,
        R"({}{{"size":{},"requests_per_second":{:.1f},"p50_ms":{:.3f},"p99_ms":{:.3f},"client_cpus":{:.2f}}})",
        between, size, round.per_second, round.p50_ms, round.p99_ms, round.client_cpu);
    between = ",";
  }
  fmt::print(out,
             R"(],"connections":{},"processes":{},"max_size":{},"best":{}}})"
             "\n",
             found.advice, options.processes, found.per_process, found.best);
}

void draw(const Measured& found, const TuneOptions& options) {
  std::ofstream file(options.svg);
  file << svg_chart(found.results, found.advice,
                    fmt::format("{} callers, PostgreSQL {}", options.callers, found.room.version));
  if (!file.flush()) throw std::runtime_error(fmt::format("{}: {}", options.svg, std::strerror(errno)));
}

TuneLoad load_of(const TuneOptions& options) {
  if (options.sql.empty() == options.file.empty())
    throw std::invalid_argument("tune needs either a statement or --file");
  return {.config = config_from(options.url),
          .statements = options.file.empty() ? std::vector{options.sql} : read_statements(options.file),
          .as_transaction = options.as_transaction,
          .writes = options.writes,
          .share = !options.alone,
          .callers = options.callers,
          .period = std::chrono::duration<double>(options.seconds),
          .timeout_s = options.timeout};
}

/// No size may need more connections than the server has left.
TuneSearch make_search(const TuneOptions& options, const ServerRoom& room) {
  const int left = room.left();
  if (left < 1)
    throw std::runtime_error(
        "the server has no connection left: end some sessions, or raise max_connections");
  if (!options.sizes.empty()) {
    const int largest = *std::max_element(options.sizes.begin(), options.sizes.end());
    if (largest > left)
      throw std::invalid_argument(
          fmt::format("{} connections are to be tried, but the server has {} left", largest, left));
    return {options.sizes, options.rounds};
  }
  if (options.max > left)
    throw std::invalid_argument(
        fmt::format("--max is {}, but the server has {} connections left", options.max, left));
  return {options.max > 0 ? options.max : std::min(options.callers, left), options.rounds};
}

void conclude(Measured& found, const TuneSearch& search, const TuneOptions& options) {
  found.results = search.results();
  found.advice = search.advice();
  found.best = std::max_element(found.results.begin(), found.results.end(), [](const auto& a, const auto& b) {
                 return a.second.per_second < b.second.per_second;
               })->first;
  found.per_process = (found.advice + options.processes - 1) / options.processes;
}

}  // namespace

int tune(const TuneOptions& options, std::FILE* out) {
  const TuneLoad load = load_of(options);
  const std::atomic<bool>& interrupted = catch_interruption();
  Measured found;
  found.room = look_for_room(load);
  TuneSearch search = make_search(options, found.room);
  if (!options.json) print_head(found, options, out);
  std::fflush(out);
  {
    ProgressLine line;
    while (const auto size = search.next()) {
      const TuneRound round = run_round(load, *size, interrupted, [&](auto elapsed, std::uint64_t answered) {
        line.show(*size, elapsed.count(), answered);
      });
      if (interrupted) break;  // this round is not whole
      search.add(*size, round);
    }
  }
  if (search.results().empty()) return interrupted ? exit_interrupted : 0;
  conclude(found, search, options);
  if (options.json) {
    print_json(found, options, out);
  } else {
    print_table(found, out);
    print_advice(found, options, out);
  }
  if (!options.svg.empty()) draw(found, options);
  return interrupted ? exit_interrupted : 0;
}

}  // namespace copg::tools
