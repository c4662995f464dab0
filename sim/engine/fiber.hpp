// A stack of its own for a piece of work that is left in the middle, and gone on with later.
//
// Boost.Context does the switching. What it does not know of is done here: the exceptions that are under way
// on each stack, and what the address sanitizer must be told.
#pragma once

#include <functional>

namespace copg::sim {

/// None is ever destroyed: its stack is costly to get, and may be left in the middle of something.
class Fiber {
 public:
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// One that does nothing.
  static Fiber& take();
  static void give_back(Fiber& fiber);

  /// Begins `body`, which must not throw. True: it has ended. False: it was left.
  bool start(std::function<void()> body);
  /// Goes on where it was left. As `start`.
  bool resume();
  /// On a fiber: leaves it, for what has started or resumed it.
  static void leave();

 private:
  class Stack;
  Fiber();
  ~Fiber() = default;

  Stack* const stack_;
};

}  // namespace copg::sim
