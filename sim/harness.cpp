#include "sim/harness.hpp"

#include <algorithm>
#include <new>

#include "sim/allocations.hpp"

namespace copg::sim {

using pool::ActionKind;

namespace {
bool concerns_a_lease(const Input& input) {
  return input.kind == InputKind::release || input.kind == InputKind::reacquire ||
         input.kind == InputKind::reacquire_statement || input.kind == InputKind::detach ||
         input.kind == InputKind::set_holder;
}
/// Inputs from the background come after the actions that they answer: nothing is held back across them.
bool is_command(const Input& input) {
  return input.kind < InputKind::on_connected && input.kind != InputKind::cut &&
         input.kind != InputKind::resize;
}
pool::CoreOptions spoil(pool::CoreOptions options, Sabotage sabotage) {
  if (sabotage == Sabotage::lasting_hangs) options.hang_after = pool::forever;
  if (sabotage == Sabotage::endless_patience) options.outage_patience = pool::forever;
  if (sabotage == Sabotage::greedy_runs && options.share_limit > 1) options.share_limit = 1000;
  return options;
}
pool::ConnectFailure spoil(pool::ConnectFailure failure, Sabotage sabotage) {
  return sabotage == Sabotage::patient_connects ? pool::ConnectFailure::overloaded : failure;
}
pool::Statement spoil(pool::Statement statement, Sabotage sabotage) {
  if (sabotage == Sabotage::trusted_writes && statement.kind == pool::StatementKind::last)
    statement.kind = pool::StatementKind::read;
  if (sabotage == Sabotage::mistaken_texts) statement.key += 1000;
  return statement;
}
pool::HolderId spoil(pool::HolderId holder, Sabotage sabotage) {
  return sabotage == Sabotage::deaf_holders ? pool::unknown_holder : holder;
}
}  // namespace

Harness::Harness(const pool::CoreOptions& options, Sabotage sabotage)
    : core_(spoil(options, sabotage), pool::TimePoint{}), model_(options, core_), sabotage_(sabotage) {
  actions_.reserve(4096);
  core_.reserve_waiters(8);
}

Harness::~Harness() = default;

bool Harness::apply(const Input& input) {
  actions_.clear();
  if (holding_ && !is_command(input)) {
    take_actions(InputKind::tick);
    model_.judge_quiet(next_deadline_, core_.stats());
    holding_ = false;
    if (model_.violation()) return false;
  }
  const bool in_batch = holding_;
  if (input.kind == InputKind::cut && !core_.closed()) return true;  // what only a shrunk trace does
  if (in_batch && concerns_a_lease(input) && !model_.is(input.connection(), Model::State::leased))
    return true;
  Input at_once = input;
  if (in_batch) at_once.now = model_.now();  // one lock, one time
  call(at_once, in_batch);
  holding_ = input.hold && is_command(input);
  if (holding_) return !model_.violation();
  take_actions(input.kind);
  model_.judge_quiet(next_deadline_, core_.stats());
  return !model_.violation();
}

void Harness::acquire(const Input& input) {
  if (core_.free_waiters() == 0) core_.reserve_waiters(1);
  const std::uint64_t before = allocations();
  acquired_ = acquired_for(input);
  if (allocations() != before) model_.violate("no allocation", "an acquire allocated");
  mix(static_cast<std::uint64_t>(acquired_.kind));
  mix(acquired_.connection);
  mix(acquired_.waiter);
  model_.on_acquired(input, acquired_);
}

pool::Acquired Harness::acquired_for(const Input& input) {
  const pool::Statement statement = spoil(input.statement, sabotage_);
  const bool travels =
      input.kind == InputKind::acquire_statement || input.kind == InputKind::reacquire_statement;
  const bool again = input.kind == InputKind::reacquire || input.kind == InputKind::reacquire_statement;
  const pool::Request request{.deadline = input.deadline,
                              .statement = travels ? &statement : nullptr,
                              .holder = spoil(input.holder, sabotage_)};
  return again ? core_.reacquire(input.now, input.connection(), request) : core_.acquire(input.now, request);
}

void Harness::try_acquire(const Input& input) {
  if (sabotage_ == Sabotage::waiting_tries && core_.free_waiters() > 0) {
    const pool::Acquired waits = core_.acquire(input.now, {.deadline = pool::never, .holder = input.holder});
    tried_.reset();
    if (waits.kind == pool::Acquired::Kind::granted) tried_ = waits.connection;
    return model_.on_tried(input, tried_);
  }
  const std::uint64_t before = allocations();
  tried_ = core_.try_acquire(input.now, spoil(input.holder, sabotage_));
  if (allocations() != before) model_.violate("no allocation", "a try allocated");
  mix(tried_.value_or(pool::ConnectionId{}));
  model_.on_tried(input, tried_);
}

void Harness::send_next(const Input& input) {
  sent_ = core_.send_next(input.connection());
  mix(sent_.value_or(pool::WaiterId{}));
  model_.on_sent(input, sent_);
}

void Harness::hand_on(const Input& input) {
  handed_on_ = sabotage_ == Sabotage::idle_drivers || core_.hand_on(input.connection());
  mix(handed_on_ ? 1 : 0);
  model_.on_handed_on(input, handed_on_);
}

void Harness::answer(const Input& input) {
  const std::uint64_t before = allocations();
  wanted_ = sabotage_ == Sabotage::deaf_answers || core_.on_answered(input.waiter(), input.took);
  if (allocations() != before) model_.violate("no allocation", "an answer allocated");
  mix(wanted_ ? 1 : 0);
  model_.on_answered(input, wanted_);
}

void Harness::call(const Input& input, bool in_batch) {
  model_.begin(input, in_batch);
  const pool::TimePoint now = input.now;
  std::uint64_t before = allocations();
  switch (input.kind) {
    case InputKind::acquire:
    case InputKind::reacquire:
    case InputKind::acquire_statement:
    case InputKind::reacquire_statement: return acquire(input);
    case InputKind::try_acquire: return try_acquire(input);
    case InputKind::accept: {
      accepted_ = core_.accept(input.waiter());
      return model_.on_accepted(input, accepted_);
    }
    case InputKind::cancel: {
      cancelled_ = sabotage_ == Sabotage::deaf_cancels
                       ? pool::Cancelled{.kind = pool::Cancelled::Kind::cancelled}
                       : core_.cancel(now, input.waiter());
      if (allocations() != before) model_.violate("no allocation", "a cancel allocated");
      mix(static_cast<std::uint64_t>(cancelled_.kind));
      return model_.on_cancelled(input, cancelled_);
    }
    case InputKind::release: {
      const bool trust =
          sabotage_ == Sabotage::trust_broken && input.disposition == pool::Disposition::broken;
      released_ = core_.release(now, input.connection(), trust ? pool::Disposition::clean : input.disposition,
                                sabotage_ == Sabotage::forgetful_deaths ? 0 : input.never_sent);
      if (sabotage_ == Sabotage::allocate) ::operator delete(::operator new(1));
      if (allocations() != before) model_.violate("no allocation", "a release allocated");
      return model_.on_released(input, released_);
    }
    case InputKind::detach:
      released_ = core_.detach(now, input.connection());
      if (allocations() != before) model_.violate("no allocation", "a detach allocated");
      return model_.on_detached(input, released_);
    case InputKind::set_holder: core_.set_holder(input.connection(), spoil(input.holder, sabotage_)); break;
    case InputKind::resize:
      core_.resize(now, input.min_size, input.max_size);
      before = allocations();
      break;
    case InputKind::check_all: core_.check_all(now); break;
    case InputKind::drain: core_.drain(now); break;
    case InputKind::suspend: core_.suspend(); break;
    case InputKind::resume: core_.resume(now); break;
    case InputKind::awaited: core_.set_awaited(now, true); break;
    case InputKind::unawaited: core_.set_awaited(now, false); break;
    case InputKind::close: core_.close(now); break;
    case InputKind::cut: core_.cut(now); break;
    case InputKind::on_connected: core_.on_connected(now, input.connection()); break;
    case InputKind::on_connect_failed:
      core_.on_connect_failed(now, input.connection(), spoil(input.failure, sabotage_));
      break;
    case InputKind::on_reset_done: core_.on_reset_done(now, input.connection(), input.disposition); break;
    case InputKind::on_check_done: core_.on_check_done(now, input.connection(), input.disposition); break;
    case InputKind::on_closed: core_.on_closed(now, input.connection()); break;
    case InputKind::on_hung_up:
      if (sabotage_ != Sabotage::deaf_hang_ups) core_.on_hung_up(now, input.connection());
      break;
    case InputKind::send_next: return send_next(input);
    case InputKind::hand_on: return hand_on(input);
    case InputKind::on_answered: return answer(input);
    case InputKind::on_alone_answered: core_.on_answered(input.statement, input.took); break;
    case InputKind::tick: core_.tick(now); break;
  }
  if (allocations() != before) model_.violate("no allocation", "an input allocated");
  model_.on_input(input);
}

void Harness::take_actions(InputKind kind) {
  const std::size_t first = actions_.size();
  const std::uint64_t before = allocations();
  while (const auto action = core_.poll_action()) {
    actions_.push_back(*action);
    if (actions_.size() == actions_.capacity()) {
      model_.violate("I12 bounded", "the actions never end");
      break;
    }
  }
  next_deadline_ = core_.next_deadline();
  if (allocations() != before) model_.violate("no allocation", "taking the actions allocated");
  spoil_actions(kind);
  for (std::size_t i = first; i < actions_.size(); ++i) {
    const pool::Action& action = actions_[i];
    mix(static_cast<std::uint64_t>(action.kind));
    mix(action.connection);
    mix(action.waiter);
    mix(static_cast<std::uint64_t>(action.reason) * 16 + static_cast<std::uint64_t>(action.error));
    model_.on_action(action);
  }
  mix(static_cast<std::uint64_t>(next_deadline_.time_since_epoch().count()));
}

void Harness::spoil_actions(InputKind kind) {
  switch (sabotage_) {
    case Sabotage::drop_grants:
      if (kind == InputKind::on_connected)
        std::erase_if(actions_, [](const auto& it) { return it.kind == ActionKind::grant; });
      break;
    case Sabotage::skip_timeouts:
      std::erase_if(actions_, [](const auto& it) {
        return it.kind == ActionKind::fail && it.error == pool::WaitError::timeout;
      });
      break;
    case Sabotage::double_opens: {
      const auto it = std::find_if(actions_.begin(), actions_.end(),
                                   [](const auto& a) { return a.kind == ActionKind::open; });
      if (it != actions_.end()) actions_.push_back(*it);
      break;
    }
    case Sabotage::cut_in:
      if (actions_.size() > 1 && actions_[0].kind == ActionKind::grant &&
          actions_[1].kind == ActionKind::grant) {
        std::swap(actions_[0], actions_[1]);
      }
      break;
    case Sabotage::oversleep:
      if (next_deadline_ < pool::never - std::chrono::minutes(1)) next_deadline_ += std::chrono::minutes(1);
      break;
    case Sabotage::none:
    case Sabotage::greedy_runs:
    case Sabotage::trusted_writes:
    case Sabotage::mistaken_texts:
    case Sabotage::forgetful_deaths:
    case Sabotage::deaf_answers:
    case Sabotage::idle_drivers:
    case Sabotage::patient_connects:
    case Sabotage::deaf_hang_ups:
    case Sabotage::lasting_hangs:
    case Sabotage::deaf_holders:
    case Sabotage::endless_patience:
    case Sabotage::waiting_tries:
    case Sabotage::deaf_cancels:
    case Sabotage::trust_broken:
    case Sabotage::allocate: break;
  }
}

}  // namespace copg::sim
