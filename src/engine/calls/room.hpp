// Where a call keeps its operation.
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace copg::engine {

/// Inside the call: for a thread's stack.
template <class Operation>
class InPlace {
 public:
  template <class... Args>
  Operation& emplace(Args&&... args) {
    return operation_.emplace(std::forward<Args>(args)...);
  }
  void reset() noexcept { operation_.reset(); }
  [[nodiscard]] Operation& operator*() noexcept { return *operation_; }

 private:
  std::optional<Operation> operation_;
};

/// On the heap, and only while the call has a connection: for an event loop, where many calls wait for one.
template <class Operation>
class OnHeap {
 public:
  template <class... Args>
  Operation& emplace(Args&&... args) {
    operation_.reset(new Operation(std::forward<Args>(args)...));
    return *operation_;
  }
  void reset() noexcept { operation_.reset(); }
  [[nodiscard]] Operation& operator*() noexcept { return *operation_; }

 private:
  std::unique_ptr<Operation> operation_;
};

}  // namespace copg::engine
