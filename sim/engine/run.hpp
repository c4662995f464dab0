// A run of the engine's simulation: what each input does (run.cpp), and what must hold (rules.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/mends.hpp"
#include "engine/pool_engine.hpp"
#include "sim/engine/asio_side.hpp"
#include "sim/engine/background.hpp"
#include "sim/engine/callers.hpp"
#include "sim/engine/judge.hpp"
#include "sim/engine/listener_calls.hpp"
#include "sim/engine/observer.hpp"
#include "sim/engine/thread_caller.hpp"
#include "sim/engine/trace.hpp"
#include "sim/engine/user.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

inline constexpr std::size_t most_calls = 12;

class EngineRun {
 public:
  EngineRun(std::uint64_t seed, EngineParts parts, std::optional<engine::Mend> removed);
  EngineRun(const EngineRun&) = delete;
  EngineRun& operator=(const EngineRun&) = delete;
  ~EngineRun();

  void apply(EngineStep step);
  /// The server is well again, everybody is served, and the pool is closed.
  void finish();
  [[nodiscard]] bool broken() const noexcept { return world_.broken().has_value(); }
  [[nodiscard]] std::uint64_t digest() const noexcept { return judge_.digest(); }

 private:
  void step_background();
  void run_thread();
  void go_on();
  void report_ready();
  void start();
  void start_thread();
  void interrupt();
  void use_lease();
  void release();
  void give_up(bool unsent);
  void drop();
  void lose_loop();
  void wait();
  void end_session();
  void fork();
  void close();

  // listening.cpp
  void listen();
  void open_ear(Duration limit);
  void add_channel(const std::shared_ptr<OpenEar>& ear, const std::string& channel, Duration limit);
  void begin_listen(std::shared_ptr<OpenEar> ear, std::vector<std::string> added, Duration limit);
  static void remove(OpenEar& ear, const std::string& channel);
  void tidy_ears();
  void pump(Duration time);
  void check_listeners();
  bool wait_until_ready(OpenEar& ear);
  void check_channel(const std::string& channel);

  template <class Made, class... Args>
  Made& add(Args&&... args);
  /// On a thread of its own, which nobody asks again.
  template <class Body>
  void run_beside(Body body);
  static void run_on_its_loop(Call& call, void (Call::*step)());
  template <class Fits>
  [[nodiscard]] Call* choose_call(Fits fits);
  /// Half of what happens on event loops happens on those of Asio's, if there are any.
  [[nodiscard]] bool on_asio() { return asio_ && world_.once_in(2); }
  [[nodiscard]] Loop& loop() { return *loops_[world_.choose(2)]; }
  template <class Action>
  void for_each_thread(Action action) const;
  [[nodiscard]] bool any_busy() const;
  [[nodiscard]] TimePoint next_event() const;
  void collect_ended();
  void judge(Call& call);
  bool let_everything_go_on();
  void run_until_nothing_happens();
  void report_stuck(int steps);
  void check_truth();
  void check_rest();
  void make_loops();

  World& world_;
  const EngineParts parts_;
  Judge judge_{world_};
  User user_{judge_};
  std::shared_ptr<BackgroundThread> background_;
  std::vector<std::shared_ptr<BackgroundThread>> others_;  // of connections that have left the pool
  std::shared_ptr<engine::PoolEngine> engine_;
  std::shared_ptr<CheckingObserver> observer_;  // null: the run has none
  std::optional<PooledDatabase> pool_;
  std::unique_ptr<AsioSide> asio_;  // null: the run has none
  std::array<std::unique_ptr<Loop>, 2> loops_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<std::unique_ptr<Call>> ended_;
  std::vector<std::shared_ptr<Holder>> holders_;
  std::vector<std::shared_ptr<OpenEar>> ears_;
  std::vector<std::unique_ptr<ThreadCaller>> threads_;
  std::vector<std::unique_ptr<Thread>> beside_;
  std::uint32_t max_size_ = 0;
  bool forks_ = false;
  bool closing_ = false;
};

template <class Made, class... Args>
Made& EngineRun::add(Args&&... args) {
  auto call = std::make_unique<Made>(Call::Home{loop()}, std::forward<Args>(args)...);
  Made& made = *call;
  calls_.push_back(std::move(call));
  return made;
}

template <class Body>
void EngineRun::run_beside(Body body) {
  beside_.push_back(std::make_unique<Thread>());
  beside_.back()->run(std::move(body));
}

template <class Action>
void EngineRun::for_each_thread(Action action) const {
  for (const auto& loop : loops_) {
    if (loop->thread.busy()) action(loop->thread);
  }
  for (const auto& caller : threads_) {
    if (caller->thread().busy()) action(caller->thread());
  }
  for (const auto& thread : beside_) {
    if (thread->busy()) action(*thread);
  }
}

}  // namespace copg::sim
