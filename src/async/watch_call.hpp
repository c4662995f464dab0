// The asynchronous calls that wait for the pool as a whole.
#pragma once

#include <memory>
#include <utility>

#include "async/completion.hpp"
#include "async/pending.hpp"
#include "engine/watcher.hpp"

namespace copg::async {

class WatchCall final : public Pending, public engine::Watcher {
 public:
  WatchCall(std::shared_ptr<Loop> loop, engine::Until until, engine::TimePoint deadline,
            detail::Handler<> handler);

  void start() noexcept override;

 private:
  void settled() noexcept override { loop().wake(*this); }
  void go_on(bool inside) override;
  void leave_queue() noexcept override { engine().give_up(*this); }
  bool leave_queue_unsent() noexcept override { return leave_queue(), true; }
  void end_early(bool inside, Word word) override;
  void end(bool inside, std::exception_ptr error);

  const engine::Until until_;
  const engine::TimePoint deadline_;
  Completion<> completion_;
};

}  // namespace copg::async
