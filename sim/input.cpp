#include "sim/input.hpp"

#include <fmt/format.h>

#include <array>
#include <istream>
#include <sstream>
#include <stdexcept>

namespace copg::sim {
namespace {

using pool::ConnectFailure;
using pool::Disposition;
using pool::Duration;
using pool::StatementKind;
using pool::TimePoint;

constexpr std::array<std::string_view, 30> kind_names{"acquire",
                                                      "reacquire",
                                                      "acquire_statement",
                                                      "reacquire_statement",
                                                      "try_acquire",
                                                      "accept",
                                                      "cancel",
                                                      "release",
                                                      "detach",
                                                      "set_holder",
                                                      "resize",
                                                      "check_all",
                                                      "drain",
                                                      "suspend",
                                                      "resume",
                                                      "awaited",
                                                      "unawaited",
                                                      "close",
                                                      "cut",
                                                      "on_connected",
                                                      "on_connect_failed",
                                                      "on_reset_done",
                                                      "on_check_done",
                                                      "on_closed",
                                                      "on_hung_up",
                                                      "send_next",
                                                      "hand_on",
                                                      "on_answered",
                                                      "on_alone_answered",
                                                      "tick"};
constexpr std::array<std::string_view, 3> statement_names{"read", "last", "alone"};
constexpr std::array<std::string_view, 6> disposition_names{"clean",  "needs_reset", "discard",
                                                            "broken", "demoted",     "lost"};
constexpr std::array<std::string_view, 4> failure_names{"transient", "overloaded", "configuration",
                                                        "refused_near"};

template <typename Enum, std::size_t size>
std::string_view name_of(const std::array<std::string_view, size>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

template <typename Enum, std::size_t size>
Enum value_of(const std::array<std::string_view, size>& names, std::string_view text) {
  for (std::size_t i = 0; i < size; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  throw std::invalid_argument(fmt::format("unknown word '{}'", text));
}

/// The words `key=value` of a line, consumed one by one.
class Words {
 public:
  explicit Words(const std::string& line) : words_(line) {}
  std::string next() {
    std::string word;
    if (!(words_ >> word)) throw std::invalid_argument("the line ends too early");
    return word;
  }
  template <typename Number>
  Number number(std::string_view key) {
    const std::string word = next();
    const auto equals = word.find('=');
    if (std::string_view(word).substr(0, equals) != key || equals == std::string::npos) {
      throw std::invalid_argument(fmt::format("'{}' where {}=... was due", word, key));
    }
    return static_cast<Number>(std::stoll(word.substr(equals + 1)));
  }
  void id(Input& input) {
    const std::string word = next();
    const auto dot = word.find('.');
    if (dot == std::string::npos) throw std::invalid_argument(fmt::format("'{}' is no id", word));
    input.slot = static_cast<std::uint32_t>(std::stoul(word.substr(0, dot)));
    input.generation = static_cast<std::uint32_t>(std::stoul(word.substr(dot + 1)));
  }

 private:
  std::istringstream words_;
};

std::int64_t count(TimePoint time) { return time.time_since_epoch().count(); }

std::string to_text(const pool::Statement& statement) {
  return fmt::format(" key={} {}", statement.key, name_of(statement_names, statement.kind));
}

std::string request_of(const Input& input) {
  return fmt::format(" deadline={} holder={}", count(input.deadline), input.holder);
}

std::string arguments(const Input& input) {
  const std::string id = fmt::format(" {}.{}", input.slot, input.generation);
  switch (input.kind) {
    case InputKind::acquire: return request_of(input);
    case InputKind::reacquire: return id + request_of(input);
    case InputKind::acquire_statement: return request_of(input) + to_text(input.statement);
    case InputKind::reacquire_statement: return id + request_of(input) + to_text(input.statement);
    case InputKind::try_acquire: return fmt::format(" holder={}", input.holder);
    case InputKind::set_holder: return fmt::format("{} holder={}", id, input.holder);
    case InputKind::on_answered: return fmt::format("{} took={}", id, input.took.count());
    case InputKind::on_alone_answered:
      return fmt::format(" took={}{}", input.took.count(), to_text(input.statement));
    case InputKind::accept:
    case InputKind::cancel:
    case InputKind::send_next:
    case InputKind::hand_on:
    case InputKind::detach:
    case InputKind::on_connected:
    case InputKind::on_closed:
    case InputKind::on_hung_up: return id;
    case InputKind::release:
      return fmt::format("{} {} never_sent={}", id, name_of(disposition_names, input.disposition),
                         input.never_sent);
    case InputKind::on_reset_done:
    case InputKind::on_check_done:
      return fmt::format("{} {}", id, name_of(disposition_names, input.disposition));
    case InputKind::on_connect_failed: return fmt::format("{} {}", id, name_of(failure_names, input.failure));
    case InputKind::resize: return fmt::format(" min_size={} max_size={}", input.min_size, input.max_size);
    case InputKind::check_all:
    case InputKind::drain:
    case InputKind::suspend:
    case InputKind::resume:
    case InputKind::awaited:
    case InputKind::unawaited:
    case InputKind::close:
    case InputKind::cut:
    case InputKind::tick: break;
  }
  return {};
}

void read_arguments(Words& words, Input& input) {
  const auto request = [&] {
    input.deadline = TimePoint(Duration(words.number<std::int64_t>("deadline")));
    input.holder = words.number<pool::HolderId>("holder");
  };
  const auto took = [&] { input.took = Duration(words.number<std::int64_t>("took")); };
  const auto statement = [&] {
    input.statement.key = words.number<std::uint64_t>("key");
    input.statement.kind = value_of<StatementKind>(statement_names, words.next());
  };
  switch (input.kind) {
    case InputKind::acquire: request(); break;
    case InputKind::reacquire:
      words.id(input);
      request();
      break;
    case InputKind::acquire_statement:
      request();
      statement();
      break;
    case InputKind::reacquire_statement:
      words.id(input);
      request();
      statement();
      break;
    case InputKind::try_acquire: input.holder = words.number<pool::HolderId>("holder"); break;
    case InputKind::set_holder:
      words.id(input);
      input.holder = words.number<pool::HolderId>("holder");
      break;
    case InputKind::on_answered:
      words.id(input);
      took();
      break;
    case InputKind::on_alone_answered:
      took();
      statement();
      break;
    case InputKind::accept:
    case InputKind::cancel:
    case InputKind::send_next:
    case InputKind::hand_on:
    case InputKind::detach:
    case InputKind::on_connected:
    case InputKind::on_closed:
    case InputKind::on_hung_up: words.id(input); break;
    case InputKind::release:
      words.id(input);
      input.disposition = value_of<Disposition>(disposition_names, words.next());
      input.never_sent = words.number<std::uint32_t>("never_sent");
      break;
    case InputKind::on_reset_done:
    case InputKind::on_check_done:
      words.id(input);
      input.disposition = value_of<Disposition>(disposition_names, words.next());
      break;
    case InputKind::on_connect_failed:
      words.id(input);
      input.failure = value_of<ConnectFailure>(failure_names, words.next());
      break;
    case InputKind::resize:
      input.min_size = words.number<std::uint32_t>("min_size");
      input.max_size = words.number<std::uint32_t>("max_size");
      break;
    case InputKind::check_all:
    case InputKind::drain:
    case InputKind::suspend:
    case InputKind::resume:
    case InputKind::awaited:
    case InputKind::unawaited:
    case InputKind::close:
    case InputKind::cut:
    case InputKind::tick: break;
  }
}

pool::CoreOptions read_options(Words& words) {
  pool::CoreOptions options;
  options.min_size = words.number<std::uint32_t>("min_size");
  options.max_size = words.number<std::uint32_t>("max_size");
  options.min_idle = words.number<std::uint32_t>("min_idle");
  options.num_workers = words.number<std::uint32_t>("num_workers");
  options.max_waiting = words.number<std::uint32_t>("max_waiting");
  options.share_limit = words.number<std::uint32_t>("share_limit");
  options.max_idle = Duration(words.number<std::int64_t>("max_idle"));
  options.max_lifetime = Duration(words.number<std::int64_t>("max_lifetime"));
  options.reconnect_timeout = Duration(words.number<std::int64_t>("reconnect_timeout"));
  options.outage_patience = Duration(words.number<std::int64_t>("outage_patience"));
  options.hang_after = Duration(words.number<std::int64_t>("hang_after"));
  options.work_on_returns = words.number<int>("work_on_returns") != 0;
  options.seed = words.number<std::uint64_t>("seed");
  return options;
}

}  // namespace

std::string to_text(const Input& input) {
  return fmt::format("{} {}{}{}", count(input.now), name_of(kind_names, input.kind), arguments(input),
                     input.hold ? " hold" : "");
}

std::string to_text(const pool::CoreOptions& options) {
  return fmt::format(
      "options min_size={} max_size={} min_idle={} num_workers={} max_waiting={} share_limit={} max_idle={} "
      "max_lifetime={} reconnect_timeout={} outage_patience={} hang_after={} work_on_returns={} seed={}",
      options.min_size, options.max_size, options.min_idle, options.num_workers, options.max_waiting,
      options.share_limit, options.max_idle.count(), options.max_lifetime.count(),
      options.reconnect_timeout.count(), options.outage_patience.count(), options.hang_after.count(),
      static_cast<int>(options.work_on_returns), static_cast<std::int64_t>(options.seed));
}

std::string to_text(const Trace& trace) {
  std::string text = to_text(trace.options) + '\n';
  for (const Input& input : trace.inputs) text += to_text(input) + '\n';
  return text;
}

Trace read_trace(std::istream& in) {
  Trace trace;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    line.erase(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      Words words(line);
      const std::string first = words.next();
      if (first == "options") {
        trace.options = read_options(words);
        continue;
      }
      Input input;
      input.now = TimePoint(Duration(std::stoll(first)));
      input.kind = value_of<InputKind>(kind_names, words.next());
      read_arguments(words, input);
      input.hold = std::string_view(line).ends_with(" hold");
      trace.inputs.push_back(input);
    } catch (const std::exception& error) {
      throw std::invalid_argument(fmt::format("line {}: {}: {}", number, error.what(), line));
    }
  }
  return trace;
}

}  // namespace copg::sim
