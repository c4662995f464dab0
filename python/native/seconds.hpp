// Times as Python has them.
#pragma once

#include <chrono>

namespace copg::python {

[[nodiscard]] inline double seconds(std::chrono::nanoseconds time) noexcept {
  return std::chrono::duration<double>(time).count();
}

}  // namespace copg::python
