// See interruption.hpp.
#include "interruption.hpp"

#include <unistd.h>

#include <csignal>
#include <thread>

namespace copg::tools {

const std::atomic<bool>& catch_interruption() {
  static std::atomic<bool> interrupted = false;
  static sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([] {
    int signal = 0;
    ::sigwait(&set, &signal);
    interrupted = true;
    ::sigwait(&set, &signal);
    ::_exit(exit_interrupted);
  }).detach();
  return interrupted;
}

}  // namespace copg::tools
