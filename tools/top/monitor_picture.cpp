// See monitor_picture.hpp.
#include "monitor_picture.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

namespace copg::tools {
namespace {

constexpr int bar_width = 20;
constexpr const char* pool_title = "POOL";
constexpr const char* process_title = "PROCESS";
constexpr double long_wait_s = 1;

std::string this_host() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

const std::string& shown(const std::string& pool_name) {
  static const std::string unnamed = "(unnamed)";
  return pool_name.empty() ? unnamed : pool_name;
}

/// Calls `look(process name, pool)` for each pool.
template <class Look>
void each_pool(const std::vector<WatchedProcess>& processes, const Look& look) {
  for (const WatchedProcess& watched : processes)
    if (watched.process && watched.trouble.empty())
      for (const TopPool& pool : watched.process->pools) look(watched.name, pool);
}

/// A quantile of no times at all is nothing.
std::optional<double> if_any(const TopTimes& times, double quantile) {
  return times.count > 0 ? std::optional(quantile) : std::nullopt;
}

Table summary_of(const std::vector<WatchedProcess>& processes) {
  Table table{.columns = {{pool_title},
                          {process_title},
                          {"CONNECTIONS"},
                          {"LEASED", true},
                          {"WAITING", true},
                          {"REQ/S", true},
                          {"WAITED", true},
                          {"WAIT P50", true},
                          {"P99", true},
                          {"QUERY P99", true},
                          {"HEALTH"}}};
  each_pool(processes, [&](const std::string& process, const TopPool& pool) {
    const std::uint64_t waiting = pool.waiters_for_connection + pool.waiters_with_statement;
    const bool full = pool.connections.leased >= pool.max_size;
    table.rows.push_back({
        text_cell(shown(pool.name)),
        text_cell(process),
        {.text = bar_of(pool, bar_width), .tone = Tone::bar},
        {.text = fmt::format("{}/{}", pool.connections.leased, pool.max_size),
         .rank = static_cast<double>(pool.connections.leased),
         .tone = full ? Tone::warning : Tone::plain},
        count_cell(waiting, waiting > 0 ? Tone::warning : Tone::plain),
        {.text = fmt::format("{:.{}f}", pool.requests_per_second, pool.requests_per_second < 10 ? 1 : 0),
         .rank = pool.requests_per_second},
        {.text = fmt::format("{:.0f} %", pool.waited * 100), .rank = pool.waited},
        time_cell(if_any(pool.wait, pool.wait.p50)),
        time_cell(if_any(pool.wait, pool.wait.p99),
                  pool.wait.p99 >= long_wait_s ? Tone::warning : Tone::plain),
        time_cell(if_any(pool.operation, pool.operation.p99)),
        text_cell(pool.healthy ? "ok" : "NOT OK", pool.healthy ? Tone::good : Tone::bad),
    });
  });
  return table;
}

std::vector<Line> remarks_of(const std::vector<WatchedProcess>& processes) {
  std::vector<Line> remarks;
  for (const WatchedProcess& watched : processes)
    if (!watched.trouble.empty())
      remarks.push_back(
          {{fmt::format("{}: {}", watched.name.empty() ? watched.address : watched.name, watched.trouble),
            Tone::bad}});
  each_pool(processes, [&](const std::string&, const TopPool& pool) {
    if (!pool.healthy)
      remarks.push_back({{fmt::format("{}: {}", shown(pool.name), pool.health_reason), Tone::bad}});
  });
  each_pool(processes, [&](const std::string&, const TopPool& pool) {
    const auto held = std::count_if(pool.leases.begin(), pool.leases.end(),
                                    [](const TopLease& lease) { return lease.held_idle; });
    if (held > 0)
      remarks.push_back({{fmt::format("{}: {} of {} leased connections run nothing (held idle)",
                                      shown(pool.name), held, pool.connections.leased),
                          Tone::warning}});
  });
  each_pool(processes, [&](const std::string&, const TopPool& pool) {
    if (!pool.advice.empty())
      remarks.push_back({{fmt::format("{}: {}", shown(pool.name), pool.advice), Tone::plain}});
  });
  return remarks;
}

Pane leases_of(const std::vector<WatchedProcess>& processes) {
  Pane pane{.name = "Leases",
            .table = {.columns = {{"AGE", true},
                                  {"IDLE", true},
                                  {"TAKEN AT"},
                                  {"HOLDER"},
                                  {"TRANSACTION"},
                                  {pool_title},
                                  {process_title},
                                  {"CONN", true},
                                  {"BACKEND", true},
                                  {"STATEMENT", false, true}},
                      .descending = true},
            .when_empty = "No connection is leased."};
  each_pool(processes, [&](const std::string& process, const TopPool& pool) {
    pane.left_out += pool.leases_total - pool.leases.size();
    for (const TopLease& lease : pool.leases) {
      const Tone tone = lease.held_idle ? Tone::warning : Tone::plain;
      const bool failed = lease.transaction == "failed";
      std::string idle = lease.idle ? time_text(*lease.idle) : "";
      if (lease.held_idle) idle = "HELD IDLE " + idle;
      pane.table.rows.push_back({
          time_cell(lease.age, tone),
          {.text = idle, .rank = lease.idle.value_or(-1), .tone = tone},
          text_cell(lease.name.empty() ? lease.place : fmt::format("{} '{}'", lease.place, lease.name), tone),
          text_cell(lease.holder),
          text_cell(lease.transaction == "open" || failed ? lease.transaction : "",
                    failed ? Tone::bad : Tone::plain),
          text_cell(shown(pool.name)),
          text_cell(process),
          count_cell(lease.connection),
          {.text = std::to_string(lease.backend_pid), .rank = static_cast<double>(lease.backend_pid)},
          text_cell(lease.statement.value_or("")),
      });
    }
  });
  return pane;
}

Pane waiters_of(const std::vector<WatchedProcess>& processes) {
  Pane pane{.name = "Waiting",
            .table = {.columns = {{"WAITED", true},
                                  {"FOR"},
                                  {pool_title},
                                  {process_title},
                                  {"PLACE"},
                                  {"HOLDER"},
                                  {"STATEMENT", false, true}},
                      .descending = true},
            .when_empty = "Nobody waits."};
  each_pool(processes, [&](const std::string& process, const TopPool& pool) {
    pane.left_out += pool.waiting_total - pool.waiting.size();
    for (const TopWaiter& waiter : pool.waiting)
      pane.table.rows.push_back(
          {time_cell(waiter.age, waiter.age >= long_wait_s ? Tone::warning : Tone::plain),
           text_cell(waiter.kind), text_cell(shown(pool.name)), text_cell(process), text_cell(waiter.place),
           text_cell(waiter.holder), text_cell(waiter.statement.value_or(""))});
  });
  return pane;
}

Pane slowest_of(const std::vector<WatchedProcess>& processes) {
  Pane pane{.name = "Slowest",
            .table = {.columns = {{"TOOK", true},
                                  {"ENDED"},
                                  {pool_title},
                                  {process_title},
                                  {"CONN", true},
                                  {"STATEMENT", false, true}},
                      .descending = true},
            .when_empty = "No statement has been seen yet."};
  each_pool(processes, [&](const std::string& process, const TopPool& pool) {
    for (const TopSlow& slow : pool.slowest)
      pane.table.rows.push_back({time_cell(slow.seconds), clock_cell(slow.time), text_cell(shown(pool.name)),
                                 text_cell(process), count_cell(slow.connection), text_cell(slow.statement)});
  });
  return pane;
}

Pane troubles_of(const std::vector<WatchedProcess>& processes) {
  Pane pane{.name = "Errors and closes",
            .table = {.columns = {{"TIME"},
                                  {"WHAT"},
                                  {"SQLSTATE"},
                                  {pool_title},
                                  {process_title},
                                  {"CONN", true},
                                  {"MESSAGE", false, true}},
                      .descending = true},
            .when_empty = "No errors, and no connection was closed."};
  each_pool(processes, [&](const std::string& process, const TopPool& pool) {
    for (const TopTrouble& trouble : pool.troubles)
      pane.table.rows.push_back(
          {clock_cell(trouble.time),
           trouble.connection ? text_cell("closed: " + trouble.what) : text_cell(trouble.what, Tone::bad),
           text_cell(trouble.sqlstate), text_cell(shown(pool.name)), text_cell(process),
           trouble.connection ? count_cell(*trouble.connection) : text_cell(""), text_cell(trouble.message)});
  });
  return pane;
}

/// Where there is one pool alone, a table need not name it in each row; nor the one process.
Table without_what_is_plain(Table table, const std::vector<WatchedProcess>& processes) {
  std::size_t pools = 0;
  each_pool(processes, [&](const std::string&, const TopPool&) { ++pools; });
  if (pools <= 1) table = without_column(std::move(table), pool_title);
  if (processes.size() <= 1) table = without_column(std::move(table), process_title);
  return table;
}

std::string headline_of(const std::vector<WatchedProcess>& processes) {
  std::size_t answering = 0;
  std::size_t pools = 0;
  for (const WatchedProcess& watched : processes) {
    if (!watched.process || !watched.trouble.empty()) continue;
    ++answering;
    pools += watched.process->pools.size();
  }
  return fmt::format("{} process{}, {} pool{}", answering, answering == 1 ? "" : "es", pools,
                     pools == 1 ? "" : "s");
}

}  // namespace

std::string name_of(const TopProcess& process) {
  static const std::string here = this_host();
  std::string name = fmt::format("{} {}", process.program.empty() ? "process" : process.program, process.pid);
  if (!process.host.empty() && process.host != here) name += " on " + process.host;
  return name;
}

std::string bar_of(const TopPool& pool, int width) {
  struct Part {
    char letter;
    std::uint64_t count;
  };
  const TopConnections& now = pool.connections;
  const std::uint64_t open = now.all();
  const std::array<Part, 7> parts{{{'L', now.leased},
                                   {'r', now.resetting},
                                   {'k', now.checking},
                                   {'x', now.closing},
                                   {'c', now.connecting},
                                   {'i', now.idle},
                                   {'.', pool.max_size > open ? pool.max_size - open : 0}}};
  const std::uint64_t all = std::max(open, pool.max_size);
  const auto places = static_cast<std::uint64_t>(width);
  std::string bar;
  std::uint64_t seen = 0;
  for (const Part& part : parts) {
    seen += part.count;
    // A state that has a connection has a place, if there is one left.
    const std::uint64_t end = all <= places ? seen : (seen * places + all / 2) / all;
    const std::uint64_t wanted = std::max<std::uint64_t>(end, bar.size() + (part.count > 0 ? 1 : 0));
    bar.resize(static_cast<std::size_t>(std::min(wanted, places)), part.letter);
  }
  return bar;
}

Picture picture_of(const std::vector<WatchedProcess>& processes) {
  Picture picture{
      .headline = headline_of(processes),
      .summary = summary_of(processes),
      .remarks = remarks_of(processes),
      .panes = {leases_of(processes), waiters_of(processes), slowest_of(processes), troubles_of(processes)}};
  for (Pane& pane : picture.panes) pane.table = without_what_is_plain(std::move(pane.table), processes);
  return picture;
}

}  // namespace copg::tools
