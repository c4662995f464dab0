// A descriptor by which one thread tells another.
#include "os/signal.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace copg::os {
namespace {

bool readable(const Signal& signal, int time = 0) {
  pollfd one{signal.fd(), POLLIN, 0};
  return poll(&one, 1, time) == 1;
}

TEST(Signals, can_be_read_from_set_until_clear) {
  Signal signal;
  ASSERT_TRUE(signal.open());
  EXPECT_FALSE(readable(signal));
  signal.set();
  EXPECT_TRUE(readable(signal));
  EXPECT_TRUE(readable(signal)) << "looking takes nothing";
  signal.clear();
  EXPECT_FALSE(readable(signal));
}

TEST(Signals, set_very_often_are_cleared_at_once_and_never_block) {
  Signal signal;
  ASSERT_TRUE(signal.open());
  constexpr int more_than_a_pipe_holds = 100'000;
  for (int i = 0; i < more_than_a_pipe_holds; ++i) signal.set();
  EXPECT_TRUE(readable(signal));
  signal.clear();
  EXPECT_FALSE(readable(signal));
  signal.set();
  EXPECT_TRUE(readable(signal));
}

TEST(Signals, end_the_wait_of_another_thread) {
  constexpr int long_wait = 10'000;  // ms
  Signal signal;
  ASSERT_TRUE(signal.open());
  for (int i = 0; i < 100; ++i) {
    std::jthread other([&] { signal.set(); });
    ASSERT_TRUE(readable(signal, long_wait));
    other.join();
    signal.clear();
  }
}

}  // namespace
}  // namespace copg::os
