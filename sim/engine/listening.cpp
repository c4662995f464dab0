// Listeners in a run of the engine, on event loops. Those of threads are in thread_caller.cpp.
#include <algorithm>
#include <string>
#include <utility>

#include "sim/engine/run.hpp"

namespace copg::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::size_t most_ears = 4;

/// Takes all that has come.
void hear_all(OpenEar& ear) {
  while (const auto arrival = ear.listener->take()) ear.ear.hear(*arrival);
}

bool is_ready(OpenEar& ear) {
  try {
    ear.listener->collect_ready(Duration::zero());
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

/// Forgets the listeners that are over.
void EngineRun::tidy_ears() {
  std::erase_if(ears_, [](const auto& ear) { return ear->over && !ear->adding && !ear->waiting; });
}

void EngineRun::listen() {
  if (calls_.size() >= most_calls) return;
  tidy_ears();
  const Duration limit = choose_timeout(world_);
  if (ears_.empty() || (ears_.size() < most_ears && world_.once_in(4))) return open_ear(limit);
  const auto ear = ears_[world_.choose(static_cast<std::uint32_t>(ears_.size()))];
  if (ear->over) return;
  const std::string channel = all_channels[world_.choose(all_channels.size())];
  switch (world_.choose(16)) {
    case 0: ear->over = true; return run_beside([ear] { ear->listener->close(); });
    case 1:  // while another adds a channel
      if (!ear->adding) return;
      ear->over = true;
      return run_beside([ear] { ear->listener->close(); });
    case 2:
      if (!ear->adding && ear->ear.wants_now(channel)) run_beside([ear, channel] { remove(*ear, channel); });
      return;
    case 3:
    case 4:
    case 5:
      if (!ear->adding && !ear->ear.wants_now(channel)) {
        ear->adding = true;
        run_beside([this, ear, channel, limit] { add_channel(ear, channel, limit); });
      }
      return;
    default: break;
  }
  if (ear->waiting) return;
  Call& call = add<NextCall>(limit, ear);
  call.due = engine::after(world_.now, limit);
  run_beside([this, &call] { call.begin_at(world_.now); });
}

void EngineRun::open_ear(Duration limit) {
  run_beside([this, limit] {
    auto ear = std::make_shared<OpenEar>();
    const std::vector<std::string> channels = choose_channels(world_);
    for (const std::string& channel : channels) ear->ear.wants(channel);
    try {
      ear->listener = engine_->listening().open(engine_, channels, choose_queue(world_));
    } catch (const Error& error) {
      return judge_.failed({}, error);
    }
    ears_.push_back(ear);
    begin_listen(std::move(ear), {}, limit);
  });
}

void EngineRun::add_channel(const std::shared_ptr<OpenEar>& ear, const std::string& channel, Duration limit) {
  ear->ear.wants(channel);
  std::vector<std::string> added;
  try {
    added = ear->listener->add({channel});
  } catch (const Error&) {  // it was closed
    ear->adding = false;
    return ear->ear.left(channel);
  }
  if (added.empty()) added = {channel};  // closed, just now: the call finds that out
  begin_listen(ear, std::move(added), limit);
}

void EngineRun::begin_listen(std::shared_ptr<OpenEar> ear, std::vector<std::string> added, Duration limit) {
  Call& call = add<ListenCall>(limit, std::move(ear), std::move(added));
  call.due = engine::after(world_.now, limit);
  call.begin_at(world_.now);
}

void EngineRun::remove(OpenEar& ear, const std::string& channel) {
  ear.ear.leaves(channel);
  try {
    ear.listener->remove({channel});
  } catch (const Error&) {  // it was closed
    return;
  }
  ear.ear.left(channel);
}

/// Lets time pass.
void EngineRun::pump(Duration time) {
  const TimePoint until = world_.now + time;
  for (int steps = 0; steps < 20000 && !broken(); ++steps) {
    if (let_everything_go_on()) continue;
    const TimePoint next = next_event();
    if (next > until) break;
    world_.now = std::max(world_.now, next);
  }
  world_.now = std::max(world_.now, until);
}

/// False: it does not become ready, although the server is well.
bool EngineRun::wait_until_ready(OpenEar& ear) {
  constexpr int most_tries = 60;
  for (int tries = 0; !is_ready(ear); ++tries) {
    if (tries == most_tries || broken()) {
      world_.breaks("listener", "a listener is not ready, and never will be");
      return false;
    }
    pump(seconds(1));
  }
  return true;
}

/// The server is well: each listener becomes ready, and hears what is sent from then on.
void EngineRun::check_listeners() {
  tidy_ears();
  if (ears_.empty() || closing_ || world_.pooler == Pooler::transactions) return;
  pump(milliseconds(100));
  for (const auto& ear : ears_) {
    if (ear->over) continue;
    if (!wait_until_ready(*ear)) return;
    ear->ear.ready();
    hear_all(*ear);
  }
  for (const std::string channel : all_channels) check_channel(channel);
  run_until_nothing_happens();
}

/// More than once, since the connection that listens may be lost while it is checked: then the listener is
/// not ready, or it is told of a gap.
void EngineRun::check_channel(const std::string& channel) {
  const auto deaf = [&](const std::shared_ptr<OpenEar>& ear) {
    if (ear->over || !ear->ear.wants_now(channel)) return false;
    hear_all(*ear);
    return !ear->ear.up_to_date(channel);
  };
  constexpr int most_tries = 8;
  for (int tries = 0; tries < most_tries && !broken(); ++tries) {
    world_.notify(channel);
    pump(seconds(5));
    const auto found = std::ranges::find_if(ears_, deaf);
    if (found == ears_.end()) return;
    OpenEar& ear = **found;
    const bool lost = !is_ready(ear);
    if (lost && !wait_until_ready(ear)) return;
    if (!lost && !ear.ear.in_gap(channel)) break;
  }
  world_.breaks("listener", "a notification was not heard");
}

}  // namespace copg::sim
