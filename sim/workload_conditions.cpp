// The conditions of a run, drawn from its seed: the options, how often what happens and how long it takes;
// and how all becomes easy in the end, so that the pool must recover.
#include "sim/workload.hpp"

#include <algorithm>

namespace copg::sim {

using namespace std::chrono_literals;
using pool::Duration;
using pool::TimePoint;

Workload::Workload(std::uint64_t seed) : dice_(seed), other_dice_(~seed) {
  tries_ = other_dice_.permille(500) ? other_dice_.between(0, 300) : 0;
  options_.work_on_returns = other_dice_.permille(150);
  detached_ = other_dice_.permille(300) ? other_dice_.between(0, 200) : 0;
  options_.seed = seed;
  options_.max_size = dice_.permille(200) ? dice_.between(1, 2) : dice_.between(1, 16);
  options_.min_size = dice_.between(0, options_.max_size);
  if (dice_.permille(250)) options_.min_idle = dice_.between(0, options_.max_size);
  options_.num_workers = dice_.between(1, 4);
  if (dice_.permille(250)) options_.max_waiting = dice_.between(1, 10);
  options_.share_limit = dice_.permille(500) ? 16 : dice_.between(0, 6);
  options_.max_idle =
      dice_.permille(100) ? pool::forever : dice_.between(0ns, dice_.permille(500) ? 2s : 600s);
  if (dice_.permille(30)) options_.max_idle = 0ns;
  options_.max_lifetime =
      dice_.permille(100) ? pool::forever : dice_.between(1ms, dice_.permille(300) ? 20s : 3600s);
  options_.reconnect_timeout = dice_.between(0ns, dice_.permille(500) ? 3s : 600s);
  if (dice_.permille(400)) options_.outage_patience = dice_.between(0ns, dice_.permille(500) ? 1s : 60s);
  options_.hang_after = dice_.permille(700) ? Duration(connect_timeout) / options_.num_workers
                                            : dice_.between(1ms, 2 * Duration(connect_timeout));
  length_ = dice_.between(50, 2000);
  near_ = dice_.permille(300);
  choose_rates();
  due_.resize(options_.max_size, pool::never);
  alone_.resize(options_.max_size);
  hangs_up_.resize(options_.max_size);
}

/// Some runs are busy, some are idle for hours; some of the callers are patient, some cancel in storms.
void Workload::choose_rates() {
  const Duration pace = dice_.permille(150) ? dice_.between(10s, 4h) : dice_.between(10us, 50ms);
  arrival_gap_ = pace;
  hold_ = dice_.permille(200) ? 5s : pace * dice_.between(1, 2 * options_.max_size);
  patience_ = dice_.permille(300) ? pace * 4 : 30s;
  connect_time_ = dice_.permille(200) ? 8s : dice_.between(1ms, 200ms);
  reset_time_ = dice_.between(100us, dice_.permille(300) ? 500ms : 5ms);
  close_time_ = dice_.between(0ns, dice_.permille(300) ? 1s : 1ms);
  world_gap_ = pace * dice_.between(20, 400);
  command_gap_ = pace * dice_.between(20, 400);
  const auto rare = [this](std::uint32_t most) { return dice_.permille(500) ? 0 : dice_.below(most); };
  needs_reset_ = rare(500);
  discard_ = rare(100);
  broken_ = rare(40);
  cancel_ = rare(500);
  hold_lock_ = rare(200);
  noise_ = rare(50);
  jump_ = rare(4);
  hang_up_ = rare(1000);
  statements_ = dice_.permille(300) ? 0 : dice_.between(100, 1000);
  writes_ = rare(400);
  loners_ = rare(200);
  known_ = dice_.permille(500) ? 0 : dice_.between(500, 1000);
  nested_ = rare(1000);
  slow_texts_ = dice_.permille(500) ? 0 : dice_.between(1, 4);
  slow_time_ = dice_.permille(500) ? 50ms : dice_.between(1ms, 1s);
  fast_time_ = dice_.permille(500) ? dice_.between(50us, 1ms) : std::min<Duration>(hold_, 20ms);
  if (statements_ > 0 && dice_.permille(250)) arrival_gap_ = std::min<Duration>(pace, fast_time_ / 8);
}

/// Eight texts, of which some may be slow.
pool::Statement Workload::statement() {
  pool::Statement statement{.key = dice_.below(8), .kind = pool::StatementKind::read};
  if (dice_.permille(writes_)) statement.kind = pool::StatementKind::last;
  if (dice_.permille(loners_)) statement.kind = pool::StatementKind::alone;
  return statement;
}

Duration Workload::time_of(const pool::Statement& statement) {
  if (recovering_) return dice_.between(0ns, 1ms);
  const Duration mean = statement.key < slow_texts_ ? slow_time_ : fast_time_;
  return dice_.permille(5) ? 20 * mean : dice_.between(mean / 2, mean * 3 / 2);
}

Duration Workload::recovery_time(std::uint32_t max_size, std::size_t waiting) const {
  const Duration round = connect_time_ + close_time_ + reset_time_ + 200ms;
  // Where connections are retired after a few milliseconds, each serves a few of those that wait.
  const Duration life = std::max<Duration>(options_.max_lifetime / 2, 1us);
  const Duration each = options_.work_on_returns ? hold_ + reset_time_ : hold_;
  const auto lives = static_cast<std::int64_t>(waiting) * each / life;
  return connect_timeout + 5s + round * (2 * max_size + 4 + lives) + patience_ / 100;
}

bool Workload::can_stay_full() const {
  return options_.max_lifetime / 4 > (connect_time_ + close_time_) * (16 / options_.num_workers + 1);
}

void Workload::begin_recovery(TimePoint now) {
  now_ = std::max(now_, now);
  recovering_ = true;
  dead_epoch_ = false;
  server_ = Server::well;
  broken_ = discard_ = detached_ = needs_reset_ = hold_lock_ = jump_ = hang_up_ = 0;
  hangs_up_.assign(hangs_up_.size(), false);
  hold_ = std::min<Duration>(hold_, 1ms);
  // Then each of those that wait may wait for a reset as well as for a lease.
  if (options_.work_on_returns) reset_time_ = std::min<Duration>(reset_time_, 1ms);
  for (TimePoint& due : due_) due = std::min(due, now_ + connect_timeout);
}

}  // namespace copg::sim
