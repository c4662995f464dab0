// What observers are told of one call that sends statements. It is made only where somebody wants to know.
#pragma once

#include <copg/event.hpp>
#include <copg/oid.hpp>
#include <copg/pipeline_answer.hpp>
#include <copg/result.hpp>
#include <copg/source_location.hpp>

#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/clock.hpp"
#include "engine/events.hpp"
#include "engine/run.hpp"
#include "engine/slot.hpp"

namespace copg::engine {

/// What observers are told when a call begins: the result of its `shape()`.
[[nodiscard]] inline event::StatementBegan shape_of(event::Verb verb, std::string_view text,
                                                    std::span<const Oid> types = {}) noexcept {
  event::StatementBegan event;
  event.verb = verb;
  event.text = text;
  event.types = types;
  return event;
}

/// What the call is for. `event.text` and `event.types` need only live until the watch is made.
class StatementWatch {
 public:
  StatementWatch(const Events& events, const event::StatementBegan& event, TimePoint time);
  StatementWatch(const StatementWatch&) = delete;
  StatementWatch& operator=(const StatementWatch&) = delete;
  /// The call was given up, unless it has ended.
  ~StatementWatch() { end(true, nullptr); }

  /// It goes on with a connection. The last one counts.
  void entered(const Slot& slot, TimePoint time) noexcept;
  /// It has travelled with others.
  void shared(const Carrier& carrier) noexcept;

  // Its result.

  void note(std::int64_t rows) noexcept { rows_ = rows; }
  void note(const Result& result) noexcept { rows_ += rows_of(result); }
  void note(const std::vector<Result>& results) noexcept;
  void note(const std::vector<PipelineAnswer>& answers) noexcept;

  /// The call has ended: `error` is null, or what it throws. Later ends do not count.
  void end(const std::exception_ptr& error) noexcept;

 private:
  static std::int64_t rows_of(const Result& result) noexcept {
    return result.returns_rows() ? static_cast<std::int64_t>(result.size()) : result.affected_rows();
  }
  void end(bool abandoned, const ErrorInfo* error) noexcept;

  const Events& events_;
  const std::string text_;
  event::StatementEnded event_;
  const Events::Begun begun_;
  const TimePoint begun_at_;
  std::int64_t rows_ = 0;
  TimePoint sent_at_{};
  SourceLocation where_;
  std::exception_ptr first_error_;  // of a pipeline whose statements stand for themselves
  bool over_ = false;
};

}  // namespace copg::engine
