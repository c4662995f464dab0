// A set of two: the descriptor, and an alarm.
#include "pq/timed_wait.hpp"

#include <array>

namespace copg::pq {

void TimedWait::start(std::chrono::milliseconds time) { ends_ = os::now() + time; }

bool TimedWait::passed() const noexcept { return ends_ && os::now() >= *ends_; }

Step TimedWait::wait(int fd, Ready what) {
  if (!ends_ || (!set_.is_open() && !set_.open())) return Step::wait(fd, what);
  std::array<os::ReadySet::Found, 1> found{};
  (void)set_.take(found);  // what was told of the step before
  const auto both = includes(what, Ready::write) ? os::ReadySet::What::read_write : os::ReadySet::What::read;
  constexpr std::uint64_t token = 1;
  if (!set_.set_alarm(*ends_) || !set_.watch(fd, both, token)) return Step::wait(fd, what);
  return Step::wait(set_.fd(), Ready::read);
}

}  // namespace copg::pq
