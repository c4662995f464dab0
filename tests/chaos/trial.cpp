// See trial.hpp.
#include "chaos/trial.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "support/direct_connection.hpp"
#include "support/eventually.hpp"

namespace copg::chaos {
namespace {

using namespace std::chrono_literals;
using test::DirectConnection;

constexpr auto longest_wait = 90s;  // Patroni's own times, on a machine that does much else
constexpr auto between_conditions = 50ms;
constexpr std::size_t enough_writes = 100;

void nothing(PatroniCluster& /*cluster*/, std::size_t /*primary*/, std::size_t /*standby*/) {}

const std::array<Event, 7> every_event{
    {{"postmaster", "kill -9 of the primary's postmaster", true,
      [](PatroniCluster& cluster, std::size_t primary, std::size_t /*standby*/) {
        cluster.kill_postmaster(primary);
      },
      nothing},
     {"patroni", "kill -9 of the primary's Patroni", true,
      [](PatroniCluster& cluster, std::size_t primary, std::size_t /*standby*/) {
        cluster.kill_patroni(primary);
      },
      [](PatroniCluster& cluster, std::size_t primary, std::size_t /*standby*/) {
        cluster.start_patroni(primary);
      }},
     {"switchover", "switchover", true,
      [](PatroniCluster& cluster, std::size_t primary, std::size_t standby) {
        cluster.switch_over(primary, standby);
      },
      nothing},
     {"partition", "the primary is parted from all others", true,
      [](PatroniCluster& cluster, std::size_t primary, std::size_t /*standby*/) { cluster.part(primary); },
      [](PatroniCluster& cluster, std::size_t primary, std::size_t /*standby*/) { cluster.join(primary); }},
     {"lag", "a standby shows nothing new", false,
      [](PatroniCluster& cluster, std::size_t /*primary*/, std::size_t standby) {
        cluster.pause_replay(standby);
      },
      [](PatroniCluster& cluster, std::size_t /*primary*/, std::size_t standby) {
        cluster.resume_replay(standby);
      }},
     {"standby", "kill -9 of the synchronous standby's postmaster", false,
      [](PatroniCluster& cluster, std::size_t /*primary*/, std::size_t standby) {
        cluster.kill_postmaster(standby);
      },
      nothing},
     {"standby-partition", "the synchronous standby is parted from all others", false,
      [](PatroniCluster& cluster, std::size_t /*primary*/, std::size_t standby) { cluster.part(standby); },
      [](PatroniCluster& cluster, std::size_t /*primary*/, std::size_t standby) { cluster.join(standby); }}}};

}  // namespace

std::vector<const Event*> all_events() {
  std::vector<const Event*> events;
  for (const Event& event : every_event) events.push_back(&event);
  return events;
}

Trial::Trial(TrialOptions options, const std::atomic<bool>& interrupted,
             std::function<void(const Round&)> told, std::function<void(const std::string&)> status)
    : options_(std::move(options)),
      interrupted_(interrupted),
      told_(std::move(told)),
      status_(std::move(status)),
      cluster_(options_.haproxy) {}

/// The load comes last, and ends first.
void Trial::prepare() {
  status_("the cluster is made");
  wait_until("a cluster that is whole", [&] { return cluster_.is_whole(); });
  DirectConnection(cluster_.direct_url(cluster_.primary().value()))
      .rows(
          "CREATE TABLE written (writer int, number bigint);"
          "CREATE INDEX ON written (writer, number); CREATE TABLE probed (n int)");
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < PatroniCluster::size; ++i) urls.push_back(cluster_.direct_url(i));
  promotions_ = std::make_unique<Promotions>(urls);
  db_ = std::make_unique<PooledDatabase>(
      PooledDatabase::from_url(cluster_.url(), {.min_size = 5, .max_size = 30, .timeout = call_timeout}));
  load_ = std::make_unique<Load>(*db_, options_.threads, !options_.haproxy);
}

template <class Condition>
void Trial::wait_until(const char* what, Condition condition) {
  const auto deadline = Clock::now() + longest_wait;
  while (!condition()) {
    if (Clock::now() > deadline) throw std::runtime_error(std::string("not in time: ") + what);
    if (test::eventually([&] { return interrupted_.load(); }, between_conditions)) throw Interrupted();
  }
}

void Trial::run() {
  prepare();
  std::mt19937_64 random(options_.seed);
  const auto end = Clock::now() + options_.time;
  for (std::vector<const Event*> events; Clock::now() < end; events.pop_back()) {
    if (events.empty()) {
      events = options_.events;
      std::shuffle(events.begin(), events.end(), random);
    }
    told_(play(*events.back()));
  }
}

Round Trial::play(const Event& event) {
  Round round{.event = &event};
  wait_until("writes", [&] { return load_->acknowledged().size() >= enough_writes; });
  wait_until("a cluster that is whole", [&] { return cluster_.is_whole(); });
  const std::size_t primary = cluster_.primary().value();
  const std::size_t standby = cluster_.synchronous_standby().value();
  status_(std::string(event.text));
  const auto begin = Clock::now();
  event.begin(cluster_, primary, standby);
  if (event.promotes) {
    measure(round, begin);
  } else {
    wait_until("the end of the disturbance", [&] { return Clock::now() > begin + options_.lag; });
  }
  status_("the cluster mends");
  event.end(cluster_, primary, standby);
  wait_until("a cluster that is whole again", [&] { return cluster_.is_whole(); });
  status_("what was acknowledged is looked for");
  load_->pause();
  check(round);
  load_->forget();
  load_->go_on();
  return round;
}

void Trial::measure(Round& round, Clock::time_point begin) {
  std::optional<Promotion> promotion;
  std::optional<Clock::time_point> first;
  wait_until("a promotion, and a write on the new primary", [&] {
    promotion = promotions_->last(begin);
    if (promotion) first = load_->first_write(cluster_.port(promotion->node), promotion->begun);
    return first.has_value();
  });
  round.recovery = std::max<Clock::duration>(*first - promotion->accepts, Clock::duration::zero());
  const int port = cluster_.port(promotion->node);
  Clock::time_point before{};
  for (const Acknowledged& write : load_->acknowledged()) {
    if (write.at < *first && write.port != port) before = std::max(before, write.at);
  }
  round.outage = *first - before;
}

void Trial::check(Round& round) {
  std::set<std::string> there;
  for (const auto& row :
       DirectConnection(cluster_.direct_url(cluster_.primary().value())).rows("SELECT number FROM written")) {
    if (!there.insert(row[0]).second) ++round.twice;
  }
  for (const Acknowledged& write : load_->acknowledged()) {
    ++round.writes;
    if (!there.contains(std::to_string(write.number))) ++round.lost;
  }
}

}  // namespace copg::chaos
