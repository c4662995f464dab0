#include "monitor/recorder.hpp"

#include <copg/error.hpp>
#include <copg/lease_info.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "monitor/forks.hpp"

namespace copg::monitor {

namespace {

/// The beginning of a text, which does not end inside a character.
std::string_view beginning(std::string_view text, std::size_t bytes) noexcept {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80) --bytes;
  return text.substr(0, bytes);
}

/// Puts it in front, and drops the oldest.
template <class Seen>
void push(std::deque<Seen>& kept, Seen seen) {
  kept.push_front(std::move(seen));
  if (kept.size() > Recorder::kept_events) kept.pop_back();
}

bool takes_longer(const SlowText& a, const SlowText& b) noexcept { return a.took > b.took; }

WallTime wall_time() noexcept { return std::chrono::system_clock::now(); }

}  // namespace

bool Recorder::wants(Hook hook) const noexcept {
  return hook == Hook::acquire_failed || hook == Hook::open_failed || hook == Hook::closed ||
         hook == Hook::statement_ended;
}

bool Recorder::left_behind() noexcept {
  if (!Forks::in_child_of(process_)) return false;
  try {
    pool_.remove_observer(*this);
  } catch (...) {  // it hears of more, and leaves then
  }
  return true;
}

void Recorder::acquire_failed(const event::AcquireFailed& event) noexcept {
  if (left_behind()) return;
  try {
    SeenError seen{wall_time(),
                   std::string(to_string(event.kind)),
                   {},
                   fmt::format("a request got no connection in {:.1f} s",
                               std::chrono::duration<double>(event.wait).count())};
    const std::lock_guard lock(mutex_);
    push(errors_, std::move(seen));
  } catch (...) {  // out of memory
  }
}

void Recorder::open_failed(const event::OpenFailed& event) noexcept {
  if (!left_behind()) keep(event.error, false);
}

void Recorder::closed(const event::Closed& event) noexcept {
  if (left_behind()) return;
  try {
    const std::lock_guard lock(mutex_);
    push(closes_, SeenClose{wall_time(), event.connection, event.reason,
                            std::string(beginning(event.text, message_bytes))});
  } catch (...) {  // out of memory
  }
}

void Recorder::statement_ended(const event::StatementEnded& event,
                               const std::shared_ptr<void>& /*begun*/) noexcept {
  const bool slow = event.took.count() > threshold_ns_.load(std::memory_order_relaxed);
  if ((!slow && event.error == nullptr) || left_behind()) return;
  // A call without a connection has been told of by acquire_failed.
  if (event.error != nullptr && event.connection != 0) keep(*event.error, true);
  if (!slow) return;
  try {
    keep_slow(event);
  } catch (...) {  // out of memory
  }
}

void Recorder::keep(const ErrorInfo& error, bool of_statement) noexcept {
  try {
    SeenError seen{wall_time(), std::string(to_string(error.kind)), error.sqlstate.text(), {}};
    if (!of_statement || show_texts_) seen.message = beginning(error.message, message_bytes);
    const std::lock_guard lock(mutex_);
    push(errors_, std::move(seen));
  } catch (...) {  // out of memory
  }
}

void Recorder::keep_slow(const event::StatementEnded& event) {
  SlowText slow{wall_time(), event.took, {}, event.connection};
  if (show_texts_) slow.text = beginning(event.text, shown_statement_bytes);
  if (event.text.empty()) slow.text = to_string(event.verb);
  const std::lock_guard lock(mutex_);
  std::vector<SlowText>& minute = minutes_.at(minute_);
  if (minute.size() == slow_texts && minute.back().took >= slow.took) return;
  minute.insert(std::ranges::upper_bound(minute, slow, takes_longer), std::move(slow));
  if (minute.size() > slow_texts) minute.pop_back();
  if (minute.size() == slow_texts) threshold_ns_.store(minute.back().took.count(), std::memory_order_relaxed);
}

std::vector<SlowText> Recorder::slowest() const {
  std::vector<SlowText> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& minute : minutes_) all.insert(all.end(), minute.begin(), minute.end());
  }
  std::ranges::sort(all, takes_longer);
  if (all.size() > slow_texts) all.resize(slow_texts);
  return all;
}

std::vector<SeenError> Recorder::errors() const {
  const std::lock_guard lock(mutex_);
  return {errors_.begin(), errors_.end()};
}

std::vector<SeenClose> Recorder::closes() const {
  const std::lock_guard lock(mutex_);
  return {closes_.begin(), closes_.end()};
}

void Recorder::next_minute() {
  const std::lock_guard lock(mutex_);
  minute_ = (minute_ + 1) % kept_minutes;
  minutes_.at(minute_).clear();
  threshold_ns_.store(-1, std::memory_order_relaxed);
}

}  // namespace copg::monitor
