// The text of a trace: a line for each input, with its time and its numbers in a fixed order; times in
// nanoseconds since the start.
#include "sim/cluster/input.hpp"

#include <fmt/format.h>

#include <array>
#include <istream>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace copg::sim {
namespace {

using cluster::Duration;
using cluster::TimePoint;

constexpr std::array<std::string_view, 12> names{"set_hosts", "acquire",         "reacquire", "cancel",
                                                 "release",   "suspend",         "resume",    "close",
                                                 "on_probed", "on_probe_failed", "on_doubt",  "tick"};

/// Writes or reads the fields of one line, so that both agree.
class Writer {
 public:
  template <class Number>
  void operator()(const Number& number) {
    text += fmt::format(" {}", number);
  }
  void operator()(const TimePoint& time) { (*this)(time.time_since_epoch().count()); }
  void operator()(const Duration& time) { (*this)(time.count()); }
  void operator()(const bool& flag) { (*this)(flag ? 1 : 0); }
  void operator()(const cluster::Role& role) { (*this)(static_cast<int>(role)); }
  void operator()(const cluster::IfUnfit& if_unfit) { (*this)(static_cast<int>(if_unfit)); }
  std::string text;
};

class Reader {
 public:
  explicit Reader(std::istream& in) : in_(in) {}
  template <class Number>
  void operator()(Number& number) {
    if (!(in_ >> number)) throw std::invalid_argument("a number is missing");
  }
  void operator()(TimePoint& time) { time = TimePoint(Duration(read<Duration::rep>())); }
  void operator()(Duration& time) { time = Duration(read<Duration::rep>()); }
  void operator()(bool& flag) { flag = read<int>() != 0; }
  void operator()(cluster::Role& role) { role = static_cast<cluster::Role>(read<int>() % 3); }
  void operator()(cluster::IfUnfit& if_unfit) { if_unfit = static_cast<cluster::IfUnfit>(read<int>() % 3); }

 private:
  template <class Number>
  Number read() {
    Number number{};
    (*this)(number);
    return number;
  }
  std::istream& in_;
};

template <class Visit, class Request>
void visit_request(Visit& visit, Request& it) {
  visit(it.role);
  visit(it.if_unfit);
  visit(it.patience);
  visit(it.deadline);
  visit(it.max_lag);
  visit(it.max_lag_bytes);
  visit(it.token.system);
  visit(it.token.timeline);
  visit(it.token.position);
}

template <class Visit, class Input>
void visit_input(Visit& visit, Input& it) {
  using Kind = ClusterInputKind;
  visit(it.now);
  switch (it.kind) {
    case Kind::set_hosts: return visit(it.keys);
    case Kind::acquire: return visit_request(visit, it.request);
    case Kind::reacquire: visit(it.pick); return visit_request(visit, it.request);
    case Kind::cancel: visit(it.pick); return visit(it.stale);
    case Kind::release: return visit(it.pick);
    case Kind::suspend: return visit(it.until);
    case Kind::on_probed:
      visit(it.key);
      visit(it.stale);
      visit(it.seen.primary);
      visit(it.seen.system);
      visit(it.seen.instance);
      visit(it.seen.timeline);
      visit(it.seen.position);
      return visit(it.seen.lag);
    case Kind::on_probe_failed:
    case Kind::on_doubt: visit(it.key); return visit(it.stale);
    case Kind::resume:
    case Kind::close:
    case Kind::tick: return;
  }
}

template <class Visit, class Options>
void visit_options(Visit& visit, Options& it) {
  visit(it.probe_period);
  visit(it.search_period);
  visit(it.probe_gap);
  visit(it.probe_timeout);
  visit(it.first_backoff);
  visit(it.longest_backoff);
  visit(it.longest_search_backoff);
  visit(it.max_leases);
  visit(it.system);
  visit(it.seed);
}

}  // namespace

std::string to_text(const ClusterInput& input) {
  Writer writer;
  writer.text = names[static_cast<std::size_t>(input.kind)];
  visit_input(writer, input);
  return writer.text + "\n";
}

std::string to_text(const ClusterTrace& trace) {
  Writer writer;
  writer.text = "options";
  visit_options(writer, trace.options);
  std::string text = writer.text + "\n";
  for (const ClusterInput& input : trace.inputs) text += to_text(input);
  return text;
}

ClusterTrace read_cluster_trace(std::istream& in) {
  ClusterTrace trace;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string name;
    if (!(words >> name)) continue;
    Reader reader(words);
    try {
      if (name == "options") {
        visit_options(reader, trace.options);
        continue;
      }
      ClusterInput input;
      std::size_t kind = 0;
      while (kind < names.size() && names[kind] != name) ++kind;
      if (kind == names.size()) throw std::invalid_argument("unknown input " + name);
      input.kind = static_cast<ClusterInputKind>(kind);
      visit_input(reader, input);
      input.key %= 64;
      trace.inputs.push_back(input);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("line {}: {}", number, error.what()));
    }
  }
  return trace;
}

}  // namespace copg::sim
