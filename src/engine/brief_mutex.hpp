// A mutex for sections much shorter than going to sleep: who finds it taken tries again for a moment first.
//
// Bounded, lest threads whose holder is waiting for a processor, or wakes somebody, burn one.
#pragma once

#include <mutex>

namespace copg::engine {

class BriefMutex {
 public:
  void lock() {
    for (int tries = 0; tries < most_tries; ++tries) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

 private:
  static constexpr int most_tries = 16;

  static void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::mutex mutex_;
};

}  // namespace copg::engine
