// What a monitor hears of one pool: the last errors and closes, and the slowest statements. Fixed in number,
// and told by any thread.
#pragma once

#include <copg/close_reason.hpp>
#include <copg/observer.hpp>
#include <copg/pool_view.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "monitor/forks.hpp"

namespace copg::monitor {

using WallTime = std::chrono::system_clock::time_point;

struct SlowText {
  WallTime time{};  ///< When it ended.
  std::chrono::nanoseconds took{};
  std::string text;
  std::uint64_t connection = 0;
};
struct SeenError {
  WallTime time{};
  std::string kind;      ///< As to_string(ErrorKind).
  std::string sqlstate;  ///< Empty: it is not the server's.
  std::string message;
};
struct SeenClose {
  WallTime time{};
  std::uint64_t connection = 0;
  CloseReason reason{};
  std::string last_words;
};

class Recorder final : public Observer {
 public:
  static constexpr std::size_t slow_texts = 10;  // that are shown
  static constexpr std::size_t kept_events = 20;
  static constexpr std::size_t kept_minutes = 10;
  static constexpr std::size_t message_bytes = 500;

  Recorder(PoolView pool, bool show_texts) : pool_(std::move(pool)), show_texts_(show_texts) {}

  /// The slowest of the last ten minutes, the slowest first.
  [[nodiscard]] std::vector<SlowText> slowest() const;
  /// The latest first.
  [[nodiscard]] std::vector<SeenError> errors() const;
  [[nodiscard]] std::vector<SeenClose> closes() const;
  /// Another minute begins.
  void next_minute();

  [[nodiscard]] bool wants(Hook hook) const noexcept override;
  void acquire_failed(const event::AcquireFailed& event) noexcept override;
  void open_failed(const event::OpenFailed& event) noexcept override;
  void closed(const event::Closed& event) noexcept override;
  void statement_ended(const event::StatementEnded& event,
                       const std::shared_ptr<void>& begun) noexcept override;

 private:
  /// In a forked child, where no monitor looks on and the mutex may be held for ever, it leaves the pool.
  [[nodiscard]] bool left_behind() noexcept;
  void keep(const ErrorInfo& error, bool of_statement) noexcept;
  void keep_slow(const event::StatementEnded& event);

  const PoolView pool_;
  const bool show_texts_;
  const Forks::Process process_ = Forks::this_process();
  /// What a statement must take longer than to be among the slowest of this minute.
  std::atomic<std::int64_t> threshold_ns_ = -1;
  mutable std::mutex mutex_;
  std::deque<SeenError> errors_;
  std::deque<SeenClose> closes_;
  std::array<std::vector<SlowText>, kept_minutes> minutes_;
  std::size_t minute_ = 0;
};

}  // namespace copg::monitor
