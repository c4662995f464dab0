#include "engine/calls/statement_watch.hpp"

#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "error/shown_sql.hpp"

namespace copg::engine {

StatementWatch::StatementWatch(const Events& events, const event::StatementBegan& event, TimePoint time)
    : events_(events), text_(event.text), begun_(events.began(event)), begun_at_(time) {
  static_cast<event::Event&>(event_) = event;
  event_.verb = event.verb;
  event_.text = text_;
  event_.statements = event.statements;
}

void StatementWatch::entered(const Slot& slot, TimePoint time) noexcept {
  static_cast<event::Event&>(event_) = events_.at(slot);
  where_ = slot.tenancy().holder.where;
  sent_at_ = time;
}

void StatementWatch::shared(const Carrier& carrier) noexcept {
  event_.shared = true;
  event_.connection = carrier.connection;
  event_.backend_pid = carrier.backend_pid;
  sent_at_ = carrier.sent_at;
}

void StatementWatch::note(const std::vector<Result>& results) noexcept {
  for (const Result& result : results) note(result);
}

void StatementWatch::note(const std::vector<PipelineAnswer>& answers) noexcept {
  for (const PipelineAnswer& answer : answers) {
    if (answer.has_value()) {
      note(*answer);
    } else if (!first_error_) {
      first_error_ = answer.error();
    }
  }
}

void StatementWatch::end(const std::exception_ptr& error) noexcept {
  const std::exception_ptr& thrown = error ? error : first_error_;
  if (!thrown) return end(false, nullptr);
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& known) {
    end(false, &known.info());
  } catch (...) {  // of its caller: a source of rows, an interruption
    end(true, nullptr);
  }
}

void StatementWatch::end(bool abandoned, const ErrorInfo* error) noexcept {
  if (std::exchange(over_, true)) return;
  const TimePoint time = now();
  if (sent_at_ == TimePoint{}) sent_at_ = time;  // it never had a connection
  event_.wait = std::max(sent_at_ - begun_at_, Duration::zero());
  event_.took = time - sent_at_;
  event_.abandoned = abandoned;
  event_.error = error;
  event_.rows = error == nullptr && !abandoned ? rows_ : 0;
  if (event_.took > events_.slow_statement() && events_.wants(Hook::slow_statement)) {
    std::string where;
    if (where_.line() != 0) where = fmt::format("{}:{}", where_.file_name(), where_.line());
    events_.tell(event::SlowStatement{event_, on_one_line(text_), std::move(where), event_.wait, event_.took,
                                      event_.rows, error});
  }
  events_.ended(event_, begun_);
}

}  // namespace copg::engine
