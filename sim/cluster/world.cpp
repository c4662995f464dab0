#include "sim/cluster/world.hpp"

#include <algorithm>

namespace copg::sim {

using cluster::Duration;
using cluster::HostKey;
using cluster::Token;
using namespace std::chrono_literals;

ClusterWorld::ClusterWorld(Dice& dice) : dice_(dice) {
  branches_.reserve(256);
  branches_.push_back({});
  written_.resize(16);
  servers_.resize(dice_.between(1U, 5U));
  for (Server& server : servers_) {
    start(server);
    server.latency = dice_.permille(300) ? dice_.between(1ms, 300ms) : dice_.between(50us, 2ms);
  }
  servers_[0].primary = true;
  change_keys();
}

/// Keys 0 to 4 are the servers' first addresses, 8 to 12 their second ones, 16 to 20 their third ones.
std::size_t ClusterWorld::index_of(HostKey key) const {
  if (key == moving) return moving_to_;
  return std::min<std::size_t>(key % 8, servers_.size() - 1);
}

void ClusterWorld::start(Server& server) {
  server.running = true;
  server.frozen = false;
  server.instance = next_instance_++;
}

/// The newest history that a primary goes on with.
ClusterWorld::Server* ClusterWorld::newest_primary() {
  Server* newest = nullptr;
  for (Server& server : servers_) {
    if (!server.running || !server.primary || server.system_id != system) continue;
    if (newest == nullptr || branches_[server.branch].timeline > branches_[newest->branch].timeline)
      newest = &server;
  }
  return newest;
}

/// A new history begins where the server is; its number is one above that of the server's own, so that two
/// servers which are promoted from one history give two histories one number.
void ClusterWorld::promote(Server& server) {
  if (branches_.size() == branches_.capacity()) return;
  branches_.push_back({branches_[server.branch].timeline + 1, server.branch, server.position});
  server.branch = static_cast<std::uint32_t>(branches_.size() - 1);
  server.primary = true;
}

void ClusterWorld::clone(Server& server, const Server& from, cluster::TimePoint now) {
  if (&server == &from) return;
  const Duration latency = server.latency;
  server = from;
  server.latency = latency;
  server.primary = false;
  server.reachable = server.streams = true;
  server.fresh = from.primary ? now : from.fresh;
  start(server);
}

/// Whether what was written on `ancestor` up to `position` belongs to the history `branch`.
bool ClusterWorld::contains(std::uint32_t branch, std::uint32_t ancestor, cluster::Lsn position) const {
  while (branch != ancestor) {
    if (branch == 0 || branches_[branch].fork < position) return false;
    branch = branches_[branch].parent;
  }
  return true;
}

void ClusterWorld::replicate(Server& server, const Server& from, cluster::TimePoint now, bool wholly) {
  if (!server.running || server.frozen || server.primary || !server.streams) return;
  if (!from.running || from.frozen || server.system_id != from.system_id) return;
  if (!contains(from.branch, server.branch, server.position)) return;  // it must be made anew
  server.branch = from.branch;
  if (wholly || from.position - server.position < 10) {
    server.position = from.position;
    server.fresh = now;
  } else {
    server.position += (from.position - server.position) / 2;
  }
}

void ClusterWorld::remember(const Server& server) {
  written_[next_written_++ % written_.size()] = {
      {server.system_id, branches_[server.branch].timeline, server.position}, server.branch};
}

Token ClusterWorld::write(HostKey key) {
  Server& server = servers_[index_of(key)];
  if (!server.running || !server.primary || server.frozen) return {};
  server.position += 1 + dice_.below(50);
  remember(server);
  return written_[(next_written_ - 1) % written_.size()].token;
}

Token ClusterWorld::some_token() {
  Token token = written_[dice_.below(static_cast<std::uint32_t>(written_.size()))].token;
  if (dice_.permille(20)) token.system = 9;
  if (dice_.permille(20)) ++token.timeline;
  return token;
}

void ClusterWorld::change_keys() {
  keys_ = 0;
  for (HostKey key = 0; key < servers_.size(); ++key) {
    if (!dice_.permille(100)) keys_ |= std::uint64_t{1} << (key + 8 * (dice_.permille(150) ? 2 : 0));
    if (dice_.permille(80)) keys_ |= std::uint64_t{1} << (key + 8);
  }
  if (dice_.permille(150)) keys_ |= std::uint64_t{1} << moving;
  if (keys_ == 0) keys_ = 1;
}

void ClusterWorld::go_on(cluster::TimePoint now) {
  const Server* primary = newest_primary();
  for (Server& server : servers_) {
    if (server.running && server.primary && !server.frozen && dice_.permille(700)) {
      server.position += dice_.below(100);
      if (dice_.permille(200)) remember(server);
    }
  }
  // A replica follows some primary whose history is its own; mostly the newest.
  for (Server& server : servers_) {
    const Server& other = any();
    const Server* from = dice_.permille(100) && other.primary ? &other : primary;
    if (from != nullptr && from != &server && dice_.permille(800))
      replicate(server, *from, now, dice_.permille(700));
  }
}

void ClusterWorld::happen(cluster::TimePoint now) {
  go_on(now);
  Server& server = any();
  Server* primary = newest_primary();
  switch (dice_.below(40)) {
    case 0:
    case 1:  // a failover: the primary is gone, or goes on without knowing
      if (primary != nullptr && primary != &server && !server.primary && server.running) {
        if (dice_.permille(700)) primary->running = false;
        promote(server);
      }
      break;
    case 2: server.running = false; break;
    case 3:
    case 4:
    case 5:
      if (!server.running) start(server);
      break;
    case 6: server.frozen = !server.frozen; break;
    case 7:
    case 8: server.reachable = !server.reachable; break;
    case 9: server.streams = !server.streams; break;
    case 10:
    case 11:
    case 12:  // what has diverged is made anew
      if (primary != nullptr) clone(server, *primary, now);
      break;
    case 13:
      if (!server.primary && server.running) promote(server);  // by mistake
      break;
    case 14:  // a copy that nobody has promoted: it goes on with the same timeline
      if (primary != nullptr && primary != &server && dice_.permille(200)) {
        clone(server, *primary, now);
        server.primary = true;
        branches_.push_back({branches_[server.branch].timeline, server.branch, server.position});
        server.branch = static_cast<std::uint32_t>(branches_.size() - 1);
      }
      break;
    case 15:
      if (dice_.permille(100)) server.system_id = server.system_id == system ? 8 : system;
      start(server);
      break;
    case 16:
    case 17: change_keys(); break;
    case 18: moving_to_ = dice_.below(static_cast<std::uint32_t>(servers_.size())); break;
    case 19: server.latency = dice_.between(50us, 500ms); break;
    case 20:
    case 21:
      if (primary == nullptr && server.running) promote(server);
      break;
    case 22: start(server); break;  // a quick restart
    default: break;
  }
}

void ClusterWorld::heal(cluster::TimePoint now) {
  std::uint32_t newest = 0;
  for (const Branch& branch : branches_) newest = std::max(newest, branch.timeline);
  Server& primary = any();
  primary.system_id = system;
  primary.reachable = true;
  start(primary);
  branches_.push_back({newest + 1, primary.branch, primary.position});
  primary.branch = static_cast<std::uint32_t>(branches_.size() - 1);
  primary.primary = true;
  for (Server& server : servers_) {
    clone(server, primary, now);
    server.latency = std::min<Duration>(server.latency, 20ms);  // no probe is too late
  }
  keys_ = 0;
  for (HostKey key = 0; key < servers_.size(); ++key) keys_ |= std::uint64_t{1} << key;
}

ClusterWorld::Found ClusterWorld::probe(HostKey key, cluster::TimePoint now) const {
  const Server& server = at(key);
  if (!server.reachable || (server.running && server.frozen)) return {};
  if (!server.running) return {.refuses = true};
  Found found{.answers = true};
  found.seen.primary = server.primary;
  found.seen.system = server.system_id;
  found.seen.instance = server.instance;
  found.seen.timeline = branches_[server.branch].timeline;
  found.seen.position = server.position;
  found.seen.lag = server.primary ? Duration{} : now - server.fresh;
  return found;
}

Duration ClusterWorld::latency(HostKey key) const { return at(key).latency; }

const char* ClusterWorld::judge_read(HostKey key, const cluster::Request& request, std::uint64_t instance,
                                     cluster::TimePoint now) const {
  const Server& server = at(key);
  // What another server, or another start of it, has is not what was seen: its connections are dead.
  if (server.instance != instance) return nullptr;
  if (!server.primary && request.max_lag != cluster::forever && now - server.fresh > request.max_lag)
    return "the data are older than the request allows";
  const Token& token = request.token;
  if (token.timeline == 0) return nullptr;
  for (const Written& it : written_) {
    if (!(it.token == token)) continue;
    if (contains(server.branch, it.branch, token.position)) {
      if (server.position < token.position) return "the read does not see the write";
      continue;
    }
    // A failover has lost the write; where two histories have one number, nobody can tell.
    if (branches_[server.branch].timeline < token.timeline) return "the server is older than the write";
  }
  return nullptr;
}

}  // namespace copg::sim
