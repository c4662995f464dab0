// A run of the engine's simulation: what each input does (run.cpp), and what must hold (rules.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/mends.hpp"
#include "engine/pool_engine.hpp"
#include "sim/engine/background.hpp"
#include "sim/engine/callers.hpp"
#include "sim/engine/trace.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

class EngineRun {
 public:
  EngineRun(std::uint64_t seed, std::optional<engine::Mend> removed);
  EngineRun(const EngineRun&) = delete;
  EngineRun& operator=(const EngineRun&) = delete;
  ~EngineRun();

  void apply(EngineStep step);
  /// The server is well again, everybody is served, and the pool is closed.
  void finish();
  [[nodiscard]] bool broken() const noexcept { return world_.broken().has_value(); }
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }

 private:
  static void meanwhile();
  void do_meanwhile();
  void do_one_meanwhile();

  void step_background();
  void go_on();
  void report_ready();
  void start();
  void use_lease();
  void release();
  void give_up(bool unsent);
  void drop();
  void lose_loop();
  void wait();
  void end_session();
  void fork();
  void close();

  template <class Made, class... Args>
  Made& add(Args&&... args);
  [[nodiscard]] Duration timeout();
  [[nodiscard]] Deed deed();
  template <class Fits>
  [[nodiscard]] Call* choose_call(Fits fits);
  [[nodiscard]] Loop& loop() { return *loops_[world_.choose(2)]; }
  [[nodiscard]] TimePoint next_event() const noexcept;
  void collect_ended();
  void judge(Call& call);
  void judge_error(const Call& call);
  void run_until_nothing_happens();
  void check_rest();
  void digest(std::uint64_t value) noexcept { digest_ = (digest_ ^ value) * 0x100000001B3; }  // FNV-1a

  static thread_local EngineRun* here_;

  World& world_;
  SimulatedBackground* background_ = nullptr;
  std::shared_ptr<engine::PoolEngine> engine_;
  std::array<std::unique_ptr<Loop>, 2> loops_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<std::unique_ptr<Call>> ended_;
  std::vector<std::shared_ptr<Holder>> holders_;
  std::uint64_t digest_ = 0xCBF29CE484222325;
  std::uint32_t max_size_ = 0;
  bool forks_ = false;
  bool in_meanwhile_ = false;
  bool closing_ = false;
  bool recovering_ = false;
  TimePoint recovery_began_{};
};

template <class Made, class... Args>
Made& EngineRun::add(Args&&... args) {
  auto call = std::make_unique<Made>(Call::Home{loop()}, std::forward<Args>(args)...);
  Made& made = *call;
  calls_.push_back(std::move(call));
  return made;
}

}  // namespace copg::sim
