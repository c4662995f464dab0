// What this process has open: for tests that nothing is left behind.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>

namespace copg::test {

inline std::ptrdiff_t entries_of(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

struct Census {
  std::ptrdiff_t descriptors = entries_of("/proc/self/fd");
  std::ptrdiff_t threads = entries_of("/proc/self/task");
  /// Nothing more than there was. (Less is no fault: a name that an earlier pool looked up may have held a
  /// thread.)
  [[nodiscard]] bool within(const Census& before) const {
    return descriptors <= before.descriptors && threads <= before.threads;
  }
};

}  // namespace copg::test
