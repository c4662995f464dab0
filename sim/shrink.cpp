#include "sim/shrink.hpp"

#include <algorithm>
#include <optional>

#include "sim/delete_runs.hpp"
#include "sim/simulation.hpp"

namespace copg::sim {
namespace {

using State = Model::State;

/// The state in which a connection must be for the input to mean something.
std::optional<State> needed(InputKind kind) {
  switch (kind) {
    case InputKind::on_connected:
    case InputKind::on_connect_failed: return State::connecting;
    case InputKind::release:
    case InputKind::reacquire:
    case InputKind::reacquire_statement:
    case InputKind::detach:
    case InputKind::set_holder:
    case InputKind::send_next:
    case InputKind::hand_on: return State::leased;
    case InputKind::on_reset_done: return State::resetting;
    case InputKind::on_check_done: return State::checking;
    case InputKind::on_closed: return State::dying;
    case InputKind::on_hung_up: return State::idle;
    case InputKind::acquire:
    case InputKind::acquire_statement:
    case InputKind::try_acquire:
    case InputKind::on_answered:
    case InputKind::on_alone_answered:
    case InputKind::accept:
    case InputKind::cancel:
    case InputKind::resize:
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
  return std::nullopt;
}

/// Deleting inputs gives connections and waiters other ids: what has become stale is pointed at the first
/// that fits.
Input mend(Input input, const Model& model) {
  const auto point_at = [&](auto id) {
    input.slot = id.slot;
    input.generation = id.generation;
  };
  if (const auto state = needed(input.kind); state && !model.is(input.connection(), *state)) {
    for (std::uint32_t slot = 0; slot < model.connections().size(); ++slot) {
      if (model.connections()[slot].state != *state) continue;
      point_at(pool::ConnectionId{slot, model.connections()[slot].generation});
      break;
    }
  }
  const auto& queue = model.queue();
  if (input.kind == InputKind::on_answered) {
    for (const auto& connection : model.connections()) {
      if (!connection.run.empty()) return point_at(connection.run.front().id), input;
    }
  }
  if (input.kind == InputKind::accept && !model.granted().empty()) point_at(model.granted().back().waiter);
  if (input.kind == InputKind::cancel && !queue.empty() &&
      std::none_of(queue.begin(), queue.end(), [&](const auto& it) { return it.id == input.waiter(); })) {
    point_at(queue.front().id);
  }
  return input;
}

/// Replays, mended; if the invariant fails, the trace becomes what was replayed, up to there.
bool fails_mended(Trace& trace, const std::string& invariant, Sabotage sabotage) {
  Harness harness(trace.options, sabotage);
  Trace mended{trace.options, {}};
  for (const Input& input : trace.inputs) {
    mended.inputs.push_back(mend(input, harness.model()));
    if (!harness.apply(mended.inputs.back())) break;
  }
  if (!harness.model().violation() || harness.model().violation()->invariant != invariant) return false;
  trace = std::move(mended);
  return true;
}

/// Replays; if the invariant fails again, drops what came after, and says so.
bool still_fails(Trace& trace, const std::string& invariant, Sabotage sabotage) {
  const RunResult result = replay(trace, sabotage);
  if (!result.violation || result.violation->invariant != invariant)
    return fails_mended(trace, invariant, sabotage);
  trace.inputs.resize(static_cast<std::size_t>(result.inputs));
  return true;
}

/// Deletes two inputs at once, such as an acquire and its release; true if any went.
bool delete_pairs(Trace& trace, const std::string& invariant, Sabotage sabotage) {
  constexpr std::size_t most = 60;  // inputs; the cost is their square
  if (trace.inputs.size() > most) return false;
  for (std::size_t first = 0; first < trace.inputs.size(); ++first) {
    for (std::size_t second = first; second + 1 < trace.inputs.size(); ++second) {
      Trace candidate = without(without(trace, &Trace::inputs, second + 1, 1), &Trace::inputs, first, 1);
      if (!still_fails(candidate, invariant, sabotage)) continue;
      trace = std::move(candidate);
      return true;
    }
  }
  return false;
}

/// Sets options to their plainest value; true if any changed.
bool simplify_options(Trace& trace, const std::string& invariant, Sabotage sabotage) {
  bool changed = false;
  const auto attempt = [&](auto member, auto value) {
    if (trace.options.*member == value) return;
    Trace candidate = trace;
    candidate.options.*member = value;
    if (!still_fails(candidate, invariant, sabotage)) return;
    trace = std::move(candidate);
    changed = true;
  };
  const pool::CoreOptions plain;
  attempt(&pool::CoreOptions::min_idle, 0U);
  attempt(&pool::CoreOptions::min_size, 0U);
  attempt(&pool::CoreOptions::max_waiting, 0U);
  attempt(&pool::CoreOptions::share_limit, plain.share_limit);
  attempt(&pool::CoreOptions::num_workers, 1U);
  attempt(&pool::CoreOptions::max_idle, plain.max_idle);
  attempt(&pool::CoreOptions::max_lifetime, plain.max_lifetime);
  attempt(&pool::CoreOptions::reconnect_timeout, plain.reconnect_timeout);
  attempt(&pool::CoreOptions::outage_patience, plain.outage_patience);
  return changed;
}

}  // namespace

Trace shrink(Trace trace, Sabotage sabotage) {
  const RunResult first = replay(trace, sabotage);
  if (!first.violation) return trace;
  const std::string invariant = first.violation->invariant;
  still_fails(trace, invariant, sabotage);
  do {
    delete_runs(trace, &Trace::inputs,
                [&](Trace& candidate) { return still_fails(candidate, invariant, sabotage); });
  } while (simplify_options(trace, invariant, sabotage) || delete_pairs(trace, invariant, sabotage));
  return trace;
}

}  // namespace copg::sim
