// The engine and the event loop that all calls of one AsyncPooledDatabase share; where it has several hosts,
// those of one host, or those that wait for a host.
//
// It keeps the calls that wait for the engine, and resumes on the event loop those that have been settled,
// many at a time. Meanwhile it keeps the event loop from running out of work. When the event loop goes away,
// the calls are destroyed without completing, as Asio's own operations are.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/adaptive_mutex.hpp"
#include "engine/pool_engine.hpp"

namespace copg::async {

namespace asio = boost::asio;

/// A call, as the loop sees it.
class LoopEntry : public boost::intrusive_ref_counter<LoopEntry>, public boost::intrusive::list_base_hook<> {
 public:
  LoopEntry() = default;
  LoopEntry(const LoopEntry&) = delete;
  LoopEntry& operator=(const LoopEntry&) = delete;
  virtual ~LoopEntry() = default;

 private:
  friend class WakeBatch;
  friend class Loop;
  enum class Place : std::uint8_t { none, kept, woken };

  /// The call was woken. On the event loop. `inside`: handlers may run inline.
  virtual void proceed(bool inside) = 0;
  /// The event loop goes away.
  virtual void abandon() noexcept = 0;

  std::atomic<Place> place_ = Place::none;  // in which list; changed under the loop's mutex
};

class Loop;

/// Calls that are about to go on. While a batch is on the stack, the calls that this thread wakes join it,
/// which saves them the way through the event loop. For code on the event loop that gives something back.
class WakeBatch {
 public:
  explicit WakeBatch(Loop& loop) : loop_(loop), outer_(std::exchange(here_, this)) {}
  WakeBatch(const WakeBatch&) = delete;
  WakeBatch& operator=(const WakeBatch&) = delete;
  /// Calls that have not gone on are woken in the usual way.
  ~WakeBatch();

  /// Lets the calls go on; none joins any more. `inside`: no caller on this stack still has a handler to run,
  /// so that the handlers of these calls may run inline.
  void proceed(bool inside);

  /// The innermost one of this thread, in place of which another is from now on: for code that changes from
  /// one stack to another.
  static WakeBatch* exchange_here(WakeBatch* other) noexcept { return std::exchange(here_, other); }

 private:
  friend class Loop;
  [[nodiscard]] bool wants(const Loop& loop) const noexcept {
    return &loop == &loop_ && end_ < calls_.size();
  }
  void add(LoopEntry& call) noexcept { calls_[end_++] = &call; }

  static thread_local WakeBatch* here_;

  Loop& loop_;
  WakeBatch* const outer_;
  std::array<LoopEntry*, 16> calls_;  // from next_ to end_, each with a reference
  std::size_t next_ = 0;
  std::size_t end_ = 0;
};

class Loop : public std::enable_shared_from_this<Loop> {
 public:
  /// `engine`: null for calls without a pool. `executor`: if it is empty, that of the engine's background.
  static std::shared_ptr<Loop> make(std::shared_ptr<engine::PoolEngine> engine,
                                    asio::any_io_executor executor);
  Loop(std::shared_ptr<engine::PoolEngine> engine, asio::any_io_executor executor);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /// Only where there is one.
  [[nodiscard]] engine::PoolEngine& engine() const noexcept { return *engine_; }
  [[nodiscard]] const std::shared_ptr<engine::PoolEngine>& shared_engine() const noexcept { return engine_; }
  [[nodiscard]] const asio::any_io_executor& executor() const noexcept { return executor_; }

  /// Keeps the call until it is woken or forgotten, unless it is awake already.
  void keep(LoopEntry& call);
  /// Calls `proceed` soon, on the event loop; once, if called again before that. For any thread.
  void wake(LoopEntry& call);
  /// Undoes a `keep` that came after the wake. No `keep` of the call may be under way.
  void forget(LoopEntry& call);

 private:
  friend class LoopService;
  using List = boost::intrusive::list<LoopEntry, boost::intrusive::constant_time_size<false>>;

  void post_round();
  void round();
  /// Takes the call out of `kept_`. With the mutex held.
  void take_out(LoopEntry& call) noexcept;
  /// The event loop goes away.
  void shut_down() noexcept;

  const std::shared_ptr<engine::PoolEngine> engine_;
  const asio::any_io_executor executor_;
  engine::AdaptiveMutex mutex_;
  List kept_;
  asio::any_io_executor work_;  // tracks outstanding work while calls are kept
  List woken_;
  bool round_posted_ = false;
  bool shut_down_ = false;
};

}  // namespace copg::async
