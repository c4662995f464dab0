// Callers on event loops of Asio's in the simulation of the engine: what src/async does is what is simulated.
#pragma once

#include <copg/async_connection.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "async/loop.hpp"
#include "engine/pool_engine.hpp"
#include "sim/engine/event_context.hpp"
#include "sim/engine/judge.hpp"

namespace copg::sim {

class AsioSide {
 public:
  AsioSide(std::shared_ptr<engine::PoolEngine> engine, Judge& judge);
  AsioSide(const AsioSide&) = delete;
  AsioSide& operator=(const AsioSide&) = delete;

  /// A caller comes: for a statement, or a connection.
  void start();
  /// A caller with a connection does something with it.
  void use();
  /// A caller gives its connection back, or closes it, perhaps in the middle of a call.
  void release();
  /// `total`: a call that has had an effect goes on.
  void cancel(bool total);
  /// An event loop goes away, and another comes.
  void lose_loop();
  /// In a forked child.
  void fork();

  /// One event loop does one thing.
  bool step(std::uint32_t choice);
  [[nodiscard]] TimePoint next() const noexcept;
  /// Each does one thing, and connections are given back.
  bool let_everything_go_on();
  /// No call is under way, and nobody has a connection.
  [[nodiscard]] bool idle() const noexcept;
  /// No event loop waits for what never comes, or would go on for ever.
  void check_work() const;
  /// Gives up the engine, at the end.
  void let_go();

 private:
  struct Place {
    EventContext context;
    std::shared_ptr<async::Loop> loop;
    int starting = 0;  // calls, on other threads
  };
  struct UnderWay {
    Judge::Case known;
    std::shared_ptr<Place> place;
    boost::asio::cancellation_signal signal;
    bool gone = false;  // with its event loop
  };
  struct Held {
    std::shared_ptr<Place> place;
    AsyncConnection connection;
    std::shared_ptr<UnderWay> call;
  };
  template <class Take>
  class Handler;

  [[nodiscard]] std::shared_ptr<Place> make_place();
  [[nodiscard]] const std::shared_ptr<Place>& choose_place();
  std::shared_ptr<UnderWay> begin(const std::shared_ptr<Place>& place, std::uint32_t token, Duration limit);
  void end(const std::shared_ptr<UnderWay>& call, const std::exception_ptr& error);
  void lose(const std::shared_ptr<UnderWay>& call);
  /// What completes the call: `take(results...)` once it has succeeded, and is true if they are right.
  template <class Take>
  auto handler(const std::shared_ptr<UnderWay>& call, Take take);
  void execute(const std::shared_ptr<Place>& place);
  void connect(const std::shared_ptr<Place>& place);
  void use(const std::shared_ptr<Held>& held);

  World& world_ = World::here();
  std::shared_ptr<engine::PoolEngine> engine_;
  Judge& judge_;
  std::array<std::shared_ptr<Place>, 2> places_;
  std::vector<std::shared_ptr<Place>> lost_;
  std::vector<std::shared_ptr<UnderWay>> calls_;
  std::vector<std::shared_ptr<Held>> held_;
};

}  // namespace copg::sim
