// A fork waits for those that are inside the gate, and not for ever.
#include "pq/fork_gate.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/eventually.hpp"

namespace copg::pq {
namespace {

using What = InsideForkGate::What;

std::atomic<int> forks_begun = 0;

/// Handlers of a fork run in the reverse order of their registration: this one comes before the gate's.
void watch_forks() {
  static const int registered = pthread_atfork([] { ++forks_begun; }, nullptr, nullptr);
  ASSERT_EQ(registered, 0);
}

/// The exit status of a forked child that runs `body`.
template <class Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

TEST(ForkGate, a_fork_waits_until_a_connect_is_outside) {
  watch_forks();
  std::atomic<bool> inside = false;
  std::atomic<bool> left = false;
  const int begun_before = forks_begun;
  std::thread connecting([&] {
    const InsideForkGate gate(What::connect);
    inside = true;
    EXPECT_TRUE(test::eventually([&] { return forks_begun > begun_before; }));
    const auto since = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - since < std::chrono::milliseconds(20))
      std::this_thread::yield();
    left = true;
  });
  EXPECT_TRUE(test::eventually([&] { return inside.load(); }));
  EXPECT_EQ(in_child([&] { return left ? 0 : 1; }), 0) << "the child was made while a connect held its locks";
  connecting.join();
}

TEST(ForkGate, a_fork_does_not_wait_for_a_name_server_that_is_silent) {
  std::atomic<bool> inside = false;
  std::atomic<bool> over = false;
  std::thread looking_up([&] {
    const InsideForkGate gate(What::look_up);
    inside = true;
    EXPECT_TRUE(test::eventually([&] { return over.load(); }));
  });
  EXPECT_TRUE(test::eventually([&] { return inside.load(); }));
  const auto enters = [] {
    const InsideForkGate gate(What::look_up);
    return 0;
  };
  const auto taken = test::time_of([&] { EXPECT_EQ(in_child(enters), 0); });
  EXPECT_GE(taken, InsideForkGate::patience_for_lookups);
  EXPECT_LT(taken.count(), 2);
  over = true;
  looking_up.join();
}

TEST(ForkGate, a_thread_that_forks_inside_the_gate_does_not_wait_for_itself) {
  const InsideForkGate gate(What::connect);
  const auto enters_again = [] {
    const InsideForkGate again(What::connect);
    return 0;
  };
  const auto taken = test::time_of([&] { EXPECT_EQ(in_child(enters_again), 0); });
  EXPECT_LT(taken, InsideForkGate::patience_for_connects);
}

}  // namespace
}  // namespace copg::pq
