// The text format of Prometheus, version 0.0.4: what each metric is called, what it counts, and its lines.
//
// A name that stands here stands in docs/metrics.md; dashboards and alerts depend on it.
#include <copg/prometheus.hpp>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace copg {

namespace {

using namespace std::chrono_literals;

struct Bound {
  std::chrono::nanoseconds end;
  const char* text;  // in seconds
};
/// Where the buckets end that Prometheus sees. The histograms are finer.
constexpr std::array bounds = {
    Bound{50us, "0.00005"}, Bound{100us, "0.0001"},  Bound{250us, "0.00025"}, Bound{500us, "0.0005"},
    Bound{1ms, "0.001"},    Bound{2500us, "0.0025"}, Bound{5ms, "0.005"},     Bound{10ms, "0.01"},
    Bound{25ms, "0.025"},   Bound{50ms, "0.05"},     Bound{100ms, "0.1"},     Bound{250ms, "0.25"},
    Bound{500ms, "0.5"},    Bound{1s, "1"},          Bound{2500ms, "2.5"},    Bound{5s, "5"},
    Bound{10s, "10"},       Bound{30s, "30"},        Bound{60s, "60"}};

/// Of a label's value, as the format wants it.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char letter : value) {
    switch (letter) {
      case '\\': text += "\\\\"; break;
      case '"': text += "\\\""; break;
      case '\n': text += "\\n"; break;
      default: text += letter;
    }
  }
  return text;
}

/// One label beside the pool's name; none if `name` is empty.
struct Label {
  std::string_view name;
  std::string_view value;
};

class Writer {
 public:
  explicit Writer(std::vector<PoolMetrics> pools) : pools_(std::move(pools)) {
    std::set<std::string> taken;
    for (const PoolMetrics& pool : pools_) {
      std::string name = pool.name;
      for (int number = 2; !taken.insert(name).second; ++number)
        name = fmt::format("{}#{}", pool.name, number);
      labels_.push_back("pool=\"" + escaped(name) + '"');
    }
  }

  /// Each of them writes a family of metrics: its help, its type, and what `samples` says of each pool.
  template <class Samples>
  void gauge(std::string_view name, std::string_view help, Samples samples) {
    family(name, "gauge", help, samples);
  }
  template <class Samples>
  void counter(std::string_view name, std::string_view help, Samples samples) {
    family(name, "counter", help, samples);
  }
  template <class Samples>
  void histogram(std::string_view name, std::string_view help, Samples samples) {
    family(name, "histogram", help, samples);
  }

  void sample(std::uint64_t value, const Label& label = {}) { line({}, label, {}, fmt::format("{}", value)); }
  void sample(const Histogram& histogram, const Label& label = {}) {
    for (const auto& [end, text] : bounds)
      line("_bucket", label, text, fmt::format("{}", histogram.shorter_than(end)));
    const std::string count = fmt::format("{}", histogram.count());
    line("_bucket", label, "+Inf", count);
    line("_sum", label, {}, fmt::format("{}", std::chrono::duration<double>(histogram.sum()).count()));
    line("_count", label, {}, count);
  }

  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  template <class Samples>
  void family(std::string_view name, std::string_view type, std::string_view help, Samples samples) {
    append("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    name_ = name;
    for (std::size_t i = 0; i < pools_.size(); ++i) {
      pool_ = labels_[i];
      samples(pools_[i]);
    }
  }
  void line(std::string_view suffix, const Label& label, std::string_view bound, std::string_view value) {
    append("{}{}{{{}", name_, suffix, pool_);
    if (!label.name.empty()) append(",{}=\"{}\"", label.name, label.value);
    if (!bound.empty()) append(",le=\"{}\"", bound);
    append("}} {}\n", value);
  }
  template <class... Parts>
  void append(fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Parts>(parts)...);
  }

  std::vector<PoolMetrics> pools_;
  std::vector<std::string> labels_;
  std::string text_;
  // of the family, and of the pool, that is being written
  std::string_view name_;
  std::string_view pool_;
};

void write_connections(Writer& out) {
  out.gauge("copg_connections", "Connections of the pool by their state.", [&](const PoolMetrics& pool) {
    const PoolStats& stats = pool.stats;
    for (const auto& [state, count] : {std::pair{"idle", stats.pool_available},
                                       {"leased", stats.leased},
                                       {"connecting", stats.connecting},
                                       {"resetting", stats.resetting},
                                       {"checking", stats.checking},
                                       {"closing", stats.closing}})
      out.sample(count, {"state", state});
  });
  out.gauge("copg_connections_min", "Connections that the pool keeps open at least (min_size).",
            [&](const PoolMetrics& pool) { out.sample(pool.stats.pool_min); });
  out.gauge("copg_connections_max", "Connections that the pool has at most (max_size).",
            [&](const PoolMetrics& pool) { out.sample(pool.stats.pool_max); });
  out.counter("copg_connects_total", "Connects that were started.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.connections_num); });
  out.counter("copg_connects_failed_total", "Connects that failed.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.connections_errors); });
  out.histogram("copg_connect_seconds", "Time of connects that succeeded, as a whole.",
                [&](const PoolMetrics& pool) { out.sample(pool.connects); });
  out.histogram("copg_connect_phase_seconds", "Time of connects that succeeded, by their phase.",
                [&](const PoolMetrics& pool) {
                  for (std::size_t i = 0; i < PoolMetrics::Phases::size; ++i) {
                    const auto phase = static_cast<ConnectPhase>(i);
                    out.sample(pool.phases[phase], {"phase", to_string(phase)});
                  }
                });
  out.counter("copg_connections_closed_total", "Open connections that were closed, by the reason.",
              [&](const PoolMetrics& pool) {
                pool.closes.for_each([&](CloseReason reason, std::uint64_t count) {
                  out.sample(count, {"reason", to_string(reason)});
                });
              });
  out.counter("copg_connections_lost_total", "Open connections that were found dead.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.connections_lost); });
}

void write_requests(Writer& out) {
  out.gauge("copg_requests_waiting", "Requests that wait for a connection now.",
            [&](const PoolMetrics& pool) { out.sample(pool.stats.requests_waiting); });
  out.counter("copg_requests_total", "Requests for a connection.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.requests_num); });
  out.counter("copg_requests_queued_total", "Requests that had to wait.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.requests_queued); });
  out.counter(
      "copg_requests_failed_total", "Requests that ended without a connection, by the error.",
      [&](const PoolMetrics& pool) {
        for (const auto kind : {ErrorKind::pool_timeout, ErrorKind::pool_deadlock, ErrorKind::pool_closed,
                                ErrorKind::too_many_requests, ErrorKind::connection_failed})
          out.sample(pool.failures[kind], {"error", to_string(kind)});
      });
  out.counter("copg_requests_cancelled_total", "Requests that their callers gave up.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.requests_cancelled); });
  out.histogram("copg_wait_seconds", "Time that requests waited for a connection; 0 where one was idle.",
                [&](const PoolMetrics& pool) { out.sample(pool.waits); });
  out.counter("copg_leases_held_idle_total", "Times that a lease ran nothing for held_idle_after.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.leases_held_idle); });
  out.histogram("copg_use_seconds", "Time that connections were leased.",
                [&](const PoolMetrics& pool) { out.sample(pool.uses); });
}

void write_work(Writer& out) {
  out.histogram("copg_operation_seconds", "Time of statements, commits and chunks of streams at the server.",
                [&](const PoolMetrics& pool) { out.sample(pool.operations); });
  out.counter("copg_cancels_total", "Cancel requests that were sent to the server.",
              [&](const PoolMetrics& pool) { out.sample(pool.cancels_num); });
  out.counter("copg_retries_total", "Transactions that were run again.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.retries_num); });
  out.counter("copg_statements_shared_total", "Statements that travelled together with others.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.statements_shared); });
  out.counter("copg_statements_isolated_total",
              "Statements that waited, and travelled alone because they are slow.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.statements_isolated); });
  out.counter("copg_runs_total", "Times that a connection was given to two statements or more.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.runs_num); });
  out.counter("copg_resets_total", "Resets after a lease, by their cause.", [&](const PoolMetrics& pool) {
    pool.resets_by.for_each([&](ResetCause cause, std::uint64_t count) {
      out.sample(count, {"cause", to_string(cause)});
    });
  });
  out.histogram("copg_reset_seconds", "Time of resets.",
                [&](const PoolMetrics& pool) { out.sample(pool.resets); });
  out.counter("copg_returns_bad_total", "Leases that ended with a connection that could not be used again.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.returns_bad); });
}

void write_listening(Writer& out) {
  out.gauge("copg_listeners", "Listeners that are open.",
            [&](const PoolMetrics& pool) { out.sample(pool.stats.listeners); });
  out.gauge("copg_listening_connections", "Connections that listen, 0 or 1, beside those of the pool.",
            [&](const PoolMetrics& pool) { out.sample(pool.stats.listening); });
  out.counter("copg_notifications_total", "Notifications that were received, once for all listeners.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.notifications_num); });
  out.counter("copg_notifications_dropped_total",
              "Notifications that a listener missed because its queue was full.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.notifications_dropped); });
  out.counter("copg_listening_lost_total", "Times that the listening connection was lost.",
              [&](const PoolMetrics& pool) { out.sample(pool.stats.listening_lost); });
}

}  // namespace

std::string prometheus_text(std::vector<PoolMetrics> pools) {
  Writer out(std::move(pools));
  write_connections(out);
  write_requests(out);
  write_work(out);
  write_listening(out);
  return std::move(out).take();
}

}  // namespace copg
