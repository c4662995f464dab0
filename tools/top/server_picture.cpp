// See server_picture.hpp.
#include "server_picture.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace copg::tools {

// A session of which this role may not see more has no state, and its text says so.
const std::string_view sessions_sql = R"(
SELECT pid, coalesce(application_name, ''), coalesce(host(client_addr), 'local'), coalesce(usename::text, ''),
       coalesce(datname::text, ''),
       CASE WHEN query = '<insufficient privilege>' THEN 'hidden' ELSE coalesce(state, '') END,
       extract(epoch FROM clock_timestamp() - state_change)::float8,
       extract(epoch FROM clock_timestamp() - xact_start)::float8,
       CASE WHEN wait_event_type IN ('Client', 'Activity') THEN '' ELSE coalesce(wait_event_type || ': ' || wait_event, '') END,
       CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{}' END,
       CASE WHEN query = '<insufficient privilege>' THEN '' ELSE coalesce(query, '') END
FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL))";

const std::string_view server_facts_sql =
    "SELECT current_setting('server_version'), current_setting('max_connections')::int,"
    " pg_has_role('pg_read_all_stats', 'USAGE')";

namespace {

constexpr double long_idle_s = 5;  // in a transaction
constexpr double long_lock_s = 1;

bool is_idle_in_transaction(const ServerSession& session) {
  return session.state.starts_with("idle in transaction");
}

struct Application {
  std::uint64_t sessions = 0;
  std::uint64_t active = 0;
  std::uint64_t idle = 0;
  std::uint64_t in_transaction = 0;
  std::uint64_t blocked = 0;
  std::uint64_t hidden = 0;
  double longest_idle = 0;
  double oldest_transaction = 0;
};

void add(Application& application, const ServerSession& session) {
  ++application.sessions;
  if (session.state == "active") ++application.active;
  if (session.state == "idle") ++application.idle;
  if (session.state == "hidden") ++application.hidden;
  if (!session.blocked_by.empty()) ++application.blocked;
  if (is_idle_in_transaction(session)) {
    ++application.in_transaction;
    application.longest_idle = std::max(application.longest_idle, session.in_state.value_or(0));
  }
  application.oldest_transaction =
      std::max(application.oldest_transaction, session.in_transaction.value_or(0));
}

std::optional<double> unless_zero(double seconds) {
  return seconds > 0 ? std::optional(seconds) : std::nullopt;
}

Table applications_of(const std::vector<ServerSession>& sessions) {
  std::map<std::pair<std::string, std::string>, Application> applications;
  for (const ServerSession& session : sessions)
    add(applications[{session.application, session.client}], session);
  Table table{.columns = {{"APPLICATION"},
                          {"CLIENT"},
                          {"SESSIONS", true},
                          {"ACTIVE", true},
                          {"IDLE", true},
                          {"IDLE IN TX", true},
                          {"BLOCKED", true},
                          {"HIDDEN", true},
                          {"LONGEST IDLE IN TX", true},
                          {"OLDEST TX", true}}};
  for (const auto& [name, application] : applications) {
    const bool held = application.longest_idle >= long_idle_s;
    table.rows.push_back({
        text_cell(name.first.empty() ? "(unnamed)" : name.first),
        text_cell(name.second),
        count_cell(application.sessions),
        count_cell(application.active),
        count_cell(application.idle),
        count_cell(application.in_transaction, held ? Tone::warning : Tone::plain),
        count_cell(application.blocked, application.blocked > 0 ? Tone::bad : Tone::plain),
        count_cell(application.hidden),
        time_cell(unless_zero(application.longest_idle), held ? Tone::warning : Tone::plain),
        time_cell(unless_zero(application.oldest_transaction)),
    });
  }
  return table;
}

/// Who holds up others without being held up: the sessions to look at first.
std::vector<std::int32_t> roots_of(const std::vector<ServerSession>& sessions) {
  std::vector<std::int32_t> roots;
  for (const ServerSession& session : sessions) {
    for (const std::int32_t pid : session.blocked_by) {
      const bool itself_blocked = std::any_of(
          sessions.begin(), sessions.end(),
          [&](const ServerSession& other) { return other.pid == pid && !other.blocked_by.empty(); });
      if (!itself_blocked && std::find(roots.begin(), roots.end(), pid) == roots.end()) roots.push_back(pid);
    }
  }
  return roots;
}

/// How many sessions wait for this one, or for one that waits for it.
std::uint64_t blocked_by(std::int32_t root, const std::vector<ServerSession>& sessions) {
  std::vector<std::int32_t> tree{root};
  for (std::size_t next = 0; next < tree.size(); ++next) {
    for (const ServerSession& session : sessions) {
      const bool waits = std::find(session.blocked_by.begin(), session.blocked_by.end(), tree[next]) !=
                         session.blocked_by.end();
      const bool known = std::find(tree.begin(), tree.end(), session.pid) != tree.end();
      if (waits && !known) tree.push_back(session.pid);
    }
  }
  return tree.size() - 1;
}

std::string name_of(std::int32_t pid, const std::vector<ServerSession>& sessions) {
  const auto found = std::find_if(sessions.begin(), sessions.end(),
                                  [&](const ServerSession& session) { return session.pid == pid; });
  if (pid == 0) return "a prepared transaction";
  if (found == sessions.end()) return fmt::format("session {}", pid);
  std::string name = fmt::format("session {} of {}", pid,
                                 found->application.empty() ? "an unnamed application" : found->application);
  if (!found->state.empty()) name += fmt::format(" ({})", found->state);
  return name;
}

std::vector<Line> remarks_of(const ServerFacts& server, const std::vector<ServerSession>& sessions) {
  std::vector<Line> remarks;
  for (const std::int32_t root : roots_of(sessions)) {
    const std::uint64_t count = blocked_by(root, sessions);
    remarks.push_back({{fmt::format("{} blocks {} session{} by a lock", name_of(root, sessions), count,
                                    count == 1 ? "" : "s"),
                        Tone::bad}});
  }
  const auto hidden = std::count_if(sessions.begin(), sessions.end(),
                                    [](const ServerSession& session) { return session.state == "hidden"; });
  if (hidden > 0)
    remarks.push_back({{fmt::format("{} sessions of other roles show neither state nor statement: GRANT "
                                    "pg_read_all_stats to this role",
                                    hidden),
                        Tone::warning}});
  const auto used = static_cast<int>(sessions.size()) + 1;
  if (server.max_connections > 0 && used >= server.max_connections)
    remarks.push_back(
        {{fmt::format("all {} connections that the server allows are in use", server.max_connections),
          Tone::bad}});
  return remarks;
}

Pane sessions_of(const std::vector<ServerSession>& sessions) {
  Pane pane{.name = "Sessions",
            .table = {.columns = {{"TX", true},
                                  {"IN STATE", true},
                                  {"PID", true},
                                  {"APPLICATION"},
                                  {"CLIENT"},
                                  {"ROLE"},
                                  {"DATABASE"},
                                  {"STATE"},
                                  {"WAITS FOR"},
                                  {"BLOCKED BY"},
                                  {"STATEMENT", false, true}},
                      .descending = true},
            .when_empty = "There are no sessions but this one."};
  for (const ServerSession& session : sessions) {
    const bool held = is_idle_in_transaction(session) && session.in_state.value_or(0) >= long_idle_s;
    const bool blocked = !session.blocked_by.empty() && session.in_state.value_or(0) >= long_lock_s;
    pane.table.rows.push_back({
        time_cell(session.in_transaction),
        time_cell(session.in_state),
        {.text = std::to_string(session.pid), .rank = static_cast<double>(session.pid)},
        text_cell(session.application),
        text_cell(session.client),
        text_cell(session.role),
        text_cell(session.database),
        text_cell(session.state, held ? Tone::warning : Tone::plain),
        text_cell(session.waits_for),
        text_cell(fmt::format("{}", fmt::join(session.blocked_by, ", ")), blocked ? Tone::bad : Tone::plain),
        text_cell(session.statement),
    });
  }
  return pane;
}

}  // namespace

Picture picture_of(const std::string& where, const ServerFacts& server,
                   const std::vector<ServerSession>& sessions) {
  std::vector<ServerSession> blocked;
  std::vector<ServerSession> in_transaction;
  for (const ServerSession& session : sessions) {
    if (!session.blocked_by.empty()) blocked.push_back(session);
    if (session.in_transaction) in_transaction.push_back(session);
  }
  Pane transactions = sessions_of(in_transaction);
  transactions.name = "Transactions";
  transactions.excerpt = true;
  transactions.when_empty = "No transaction is open.";
  Pane locks = sessions_of(blocked);
  locks.name = "Blocked";
  locks.excerpt = true;
  locks.when_empty = "No session waits for another's lock.";
  std::string headline = fmt::format("{}, PostgreSQL {}: {} of {} connections", where, server.version,
                                     sessions.size() + 1, server.max_connections);
  if (server.version.empty()) headline = where;  // it has not answered
  return {.headline = std::move(headline),
          .summary = applications_of(sessions),
          .remarks = remarks_of(server, sessions),
          .panes = {sessions_of(sessions), std::move(transactions), std::move(locks)}};
}

}  // namespace copg::tools
