// Only what the server has undone, and may not meet again, is run again.
#include "engine/calls/attempts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace copg::engine {
namespace {

bool may_succeed_next_time(const ErrorInfo& error) noexcept {
  return error.kind == ErrorKind::query_failed && is_retryable(error.sqlstate);
}

std::string cause_of(const ErrorInfo& error) {
  const std::string state = error.sqlstate.text();
  const std::string words = error.message.substr(0, error.message.find('\n'));
  return state.empty() ? words : state + ": " + words;
}

}  // namespace

Attempts::Attempts(int most, TimePoint deadline, std::uint64_t seed)
    : most_(most), deadline_(deadline), random_(seed) {
  if (most < 1) throw UsageError(fmt::format("attempts = {}: it must be at least 1", most));
}

std::optional<Duration> Attempts::pause_after(const ErrorInfo& error, TimePoint now) {
  causes_.push_back(cause_of(error));
  if (!may_succeed_next_time(error) || failed() >= most_) return std::nullopt;
  constexpr int most_doublings = 10;
  const Duration bound =
      std::min<Duration>(longest_pause, first_pause * (1 << std::min(failed() - 1, most_doublings)));
  const Duration pause = random_.share(bound, 0, 1);
  out_of_time_ = pause >= deadline_ - now;
  if (out_of_time_) return std::nullopt;
  return pause;
}

void Attempts::tell(ErrorInfo& last) const {
  last.attempts = causes_;
  if (!has_more_to_tell()) return;
  last.message += fmt::format("; this was attempt {} of {}", failed(), most_);
  if (out_of_time_) last.message += ", and the deadline leaves no time for another";
  for (int i = 0; i + 1 < failed(); ++i)
    last.message +=
        fmt::format("{} {}: {}", i == 0 ? "; before it," : ";", i + 1, causes_[static_cast<std::size_t>(i)]);
}

}  // namespace copg::engine
