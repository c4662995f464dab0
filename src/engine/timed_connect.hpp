// A connect whose phases are timed, from outside: the wait for a step, and the step itself, are time of the
// phase in which it waited.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "engine/clock.hpp"
#include "engine/measures.hpp"
#include "pq/connect_operation.hpp"

namespace copg::engine {

class TimedConnect final : public pq::Operation {
 public:
  explicit TimedConnect(pq::ConnectSettings settings) : connect_(std::move(settings)) {}

  pq::Step advance(pq::Ready ready) override {
    const pq::Step step = connect_.advance(ready);
    const TimePoint time = now();
    times_.add(in_, time - std::exchange(last_, time));
    in_ = connect_.connect_phase();
    return step.done && connect_.error() != nullptr ? fail(connect_.take_error()) : step;
  }
  [[nodiscard]] const char* phase() const noexcept override { return connect_.phase(); }

  [[nodiscard]] std::unique_ptr<pq::Connection> take_connection() { return connect_.take_connection(); }
  [[nodiscard]] pq::ConnectFailureKind failure() const noexcept { return connect_.failure(); }
  [[nodiscard]] const std::optional<pq::ServerRoom>& room() const noexcept { return connect_.room(); }
  [[nodiscard]] bool try_next_host() { return connect_.try_next_host(); }
  [[nodiscard]] const PhaseTimes& times() const noexcept { return times_; }

 private:
  pq::ConnectOperation connect_;
  PhaseTimes times_;
  TimePoint last_ = now();
  ConnectPhase in_ = ConnectPhase::resolve;
};

}  // namespace copg::engine
