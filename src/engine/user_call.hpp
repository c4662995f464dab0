// A user's function as an operation: it may block, throw, and use the pool, and holds up nothing but the
// connection that it is called for.
//
// It runs on a detached thread, without a lock, never on the background's (docs/adr/0021). An operation that
// is dropped half-way lets the function run on and ignores its end. Calls that have not returned are counted,
// and at a limit no further one is made, since each could cost a thread that never ends.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "pq/operation.hpp"

namespace copg::engine {

/// How many calls of one pool have not returned, abandoned ones included, and how many there may be.
struct UnreturnedCalls {
  std::atomic<int> limit = 0;
  std::atomic<int> count = 0;
};

class UserCall : public pq::Operation {
 public:
  ~UserCall() override;

  pq::Step advance(pq::Ready ready) final;
  /// The name of the option.
  [[nodiscard]] const char* phase() const noexcept final { return option_; }

 protected:
  /// `option`: a literal. `body` calls the function; an exception of it is the operation's error.
  UserCall(const char* option, std::function<void()> body, std::shared_ptr<UnreturnedCalls> unreturned);
  /// "`option` failed: `why`".
  [[nodiscard]] pq::ErrorPtr failed(ErrorInfo why) const;
  [[nodiscard]] pq::ErrorPtr failed(std::string why) const;
  /// After the body has returned: the last step.
  virtual pq::Step finish() { return pq::Step::finished(); }

 private:
  struct Shared;

  pq::Step start();

  const char* const option_;
  std::shared_ptr<Shared> shared_;
  bool started_ = false;
};

}  // namespace copg::engine
