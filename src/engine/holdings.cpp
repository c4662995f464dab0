#include "engine/holdings.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace copg::engine {

namespace {

struct SeenLease {
  Slot::Tenancy tenancy;
  Activity::Seen activity;
  int backend_pid = 0;
  std::uint64_t number = 0;
  std::uint32_t travelling = 0;
};

struct SeenWaiter {
  Holder holder;
  TimePoint since{};
  TimePoint deadline{};
  std::uint64_t ticket = 0;
  ShownStatement statement;
};

/// A run shows the first statement that is not answered.
void see_run(const State& state, pool::ConnectionId connection, const Run& run, SeenLease& seen) {
  seen.travelling = state.core->run_size(connection);
  if (seen.travelling == 0) return;
  const pool::WaiterId first = state.core->run_member(connection, 0);
  const auto& members = run.members();
  const auto member = std::ranges::find(members, first, &Run::Member::id);
  if (member != members.end()) seen.activity.statement = ShownStatement(member->request->sql());
}

LeaseInfo told(const SeenLease& seen, TimePoint time) {
  const Activity::Seen& activity = seen.activity;
  const Duration since = std::max(time - activity.since, Duration::zero());
  return {.connection = seen.number,
          .backend_pid = seen.backend_pid,
          .age = std::max(time - seen.tenancy.since, Duration::zero()),
          .idle = activity.running ? Duration::zero() : since,
          .running = activity.running ? std::optional(since) : std::nullopt,
          .statement = std::string(activity.statement.view()),
          .travelling = seen.travelling,
          .status = activity.status,
          .name = std::string(seen.tenancy.name.view()),
          .where = seen.tenancy.holder.where,
          .holder = seen.tenancy.holder.who.text()};
}

WaiterInfo told(const SeenWaiter& seen, TimePoint time, std::size_t position) {
  WaiterInfo info{.position = static_cast<std::uint32_t>(position),
                  .waited = std::max(time - seen.since, Duration::zero()),
                  .remaining = {},
                  .statement = std::string(seen.statement.view()),
                  .where = seen.holder.where,
                  .holder = seen.holder.who.text()};
  if (seen.deadline != pool::never) info.remaining = std::max(seen.deadline - time, Duration::zero());
  return info;
}

}  // namespace

std::vector<LeaseInfo> Holdings::leases() const {
  std::vector<SeenLease> seen;
  const std::size_t slots = lock_here(shared_)->slots.size();
  seen.reserve(slots);
  TimePoint time{};
  {
    const Locked state = lock_here(shared_);
    time = now();
    for (const auto& slot : state->slots) {
      const Slot::Tenancy& tenancy = slot->tenancy();
      if (tenancy.since == TimePoint{}) continue;
      const Slot::Guarded& guarded = slot->guarded(*state);
      SeenLease& lease = seen.emplace_back(SeenLease{.tenancy = tenancy,
                                                     .activity = slot->activity.seen(slot->latch),
                                                     .backend_pid = slot->opening.backend_pid,
                                                     .number = slot->opening.number});
      if (slot->run) see_run(*state, guarded.connection, *slot->run, lease);
    }
  }
  std::ranges::sort(seen, {}, [](const SeenLease& lease) { return lease.tenancy.since; });
  std::vector<LeaseInfo> infos;
  infos.reserve(seen.size());
  for (const SeenLease& lease : seen) infos.push_back(told(lease, time));
  return infos;
}

std::vector<WaiterInfo> Holdings::waiters() const {
  constexpr std::size_t at_a_time = 256;  // places of the table
  std::vector<SeenWaiter> seen;
  for (std::size_t next = 0, size = 1; next < size; next += at_a_time) {
    if (seen.capacity() < seen.size() + at_a_time) seen.reserve(2 * seen.size() + at_a_time);
    const Locked state = lock_here(shared_);
    size = state->waiters.size();
    for (std::size_t place = next; place < std::min(next + at_a_time, size); ++place) {
      const Waiter* const waiter = state->waiters[place];
      if (waiter == nullptr) continue;
      const auto ticket = state->core->ticket(waiter->id_);
      if (!ticket) continue;
      seen.push_back(
          {waiter->holder_, waiter->since_, waiter->deadline_, *ticket, ShownStatement(waiter->statement_)});
    }
  }
  const TimePoint time = now();
  std::ranges::sort(seen, {}, &SeenWaiter::ticket);
  std::vector<WaiterInfo> infos;
  infos.reserve(seen.size());
  for (const SeenWaiter& waiter : seen) infos.push_back(told(waiter, time, infos.size() + 1));
  return infos;
}

}  // namespace copg::engine
