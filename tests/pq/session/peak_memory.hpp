// How much memory this process has needed at most since a moment.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include "support/sanitizers.hpp"

namespace copg::test {

/// The sanitizers keep what was freed for a while, or shadow what is used: then a peak says nothing.
inline constexpr bool memory_can_be_measured = !under_address_sanitizer && !under_thread_sanitizer;

class PeakMemory {
 public:
  /// Starts at the present size: the kernel forgets the peak before (proc(5), clear_refs).
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5";
    before_ = read("VmRSS:");
  }
  [[nodiscard]] std::int64_t grown_kib() const { return read("VmHWM:") - before_; }

 private:
  static std::int64_t read(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      std::int64_t kib = 0;
      if (word == name && status >> kib) return kib;
    }
    return 0;
  }
  std::int64_t before_ = 0;
};

}  // namespace copg::test
