// What the caller of a lease runs: written by that caller without the mutex, read by others with it.
//
// The text belongs to the caller and lives until it has left the lease. A reader holds it there: it marks the
// latch (LeaseLatch::begin_read), and `leave` waits for the mutex until the mark is gone. So the caller pays
// for no copy, and a reader for no race (docs/adr/0056).
#pragma once

#include <copg/lease_info.hpp>

#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>

#include "engine/clock.hpp"
#include "engine/cut_text.hpp"
#include "engine/lease_latch.hpp"

namespace copg::engine {

using ShownStatement = CutText<shown_statement_bytes>;

class Activity {
 public:
  // For the caller, inside the lease.

  /// A call on the lease has begun. The text must live until the caller has left the lease; it may be empty.
  void begins(std::string_view sql, TimePoint time) noexcept {
    size_.store(sql.size(), std::memory_order_relaxed);
    since_.store(time, std::memory_order_relaxed);
    text_.store(sql.empty() ? "" : sql.data(), std::memory_order_release);
  }
  void ends(LeaseStatus status, TimePoint time) noexcept {
    text_.store(nullptr, std::memory_order_relaxed);
    since_.store(time, std::memory_order_relaxed);
    status_.store(status, std::memory_order_relaxed);
  }

  // With the mutex of the state held.

  /// The lease begins.
  void renew(TimePoint time) noexcept { ends(LeaseStatus::idle, time); }

  struct Seen {
    bool running = false;
    TimePoint since{};         ///< The beginning of the present call, or the end of the last.
    ShownStatement statement;  ///< Of the present call.
    LeaseStatus status = LeaseStatus::idle;
  };
  /// `latch`: of the same lease.
  [[nodiscard]] Seen seen(LeaseLatch& latch) const noexcept {
    Seen seen;
    if (latch.begin_read()) {
      if (const char* const text = text_.load(std::memory_order_acquire)) {
        seen.running = true;
        seen.statement = ShownStatement({text, size_.load(std::memory_order_relaxed)});
      }
      latch.end_read();
    }
    seen.since = since_.load(std::memory_order_relaxed);
    seen.status = seen.running ? LeaseStatus::active : status_.load(std::memory_order_relaxed);
    return seen;
  }
  /// When it last ran something, if it runs nothing now.
  [[nodiscard]] std::optional<TimePoint> idle_since() const noexcept {
    if (text_.load(std::memory_order_relaxed) != nullptr) return std::nullopt;
    return since_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<const char*> text_ = nullptr;  // none: no call is under way
  std::atomic<std::size_t> size_ = 0;
  std::atomic<TimePoint> since_{};
  std::atomic<LeaseStatus> status_ = LeaseStatus::idle;
};

}  // namespace copg::engine
