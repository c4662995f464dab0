// Waiting for an answer beside a clock that is set once for many waits.
#include "engine/socket_waiter.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <thread>

#include "os/names.hpp"
#include "support/process_census.hpp"

namespace copg::engine {
namespace {

using Outcome = SocketWaiter::Outcome;

class AnswerWaits : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0); }
  ~AnswerWaits() override {
    for (const int end : ends_) ::close(end);
  }

  [[nodiscard]] int here() const { return ends_[0]; }
  void answer() const { ASSERT_EQ(::write(ends_[1], "x", 1), 1); }
  void take() const {
    char byte = 0;
    ASSERT_EQ(::read(here(), &byte, 1), 1);
  }
  /// What ends it, but for the clock, which may ring at any time.
  Outcome wait() {
    constexpr int most = 100;
    Outcome outcome = Outcome::nothing;
    for (int i = 0; i < most && outcome == Outcome::nothing; ++i) outcome = wait_.wait(here(), now());
    return outcome;
  }
  /// One that nothing comes for.
  Duration in_vain(TimePoint time = now()) {
    const TimePoint begin = now();
    EXPECT_EQ(wait_.wait(here(), time), Outcome::nothing);
    return now() - begin;
  }

  SocketWaiter wait_;

 private:
  std::array<int, 2> ends_{};
};

bool needs_no_descriptor() { return std::string_view(os::implementation()) == "poll"; }

constexpr Duration slack = std::chrono::milliseconds(400);  // of a machine that is busy

TEST_F(AnswerWaits, an_answer_ends_it_whether_it_is_there_already_or_comes_later) {
  for (int i = 0; i < 100; ++i) {
    answer();
    ASSERT_EQ(wait(), Outcome::readable);
    take();
  }
  std::jthread server;
  for (int i = 0; i < 100; ++i) {
    server = std::jthread([this] { answer(); });
    ASSERT_EQ(wait(), Outcome::readable);
    take();
  }
}

TEST_F(AnswerWaits, an_answer_that_was_waited_for_elsewhere_is_not_seen_again) {
  answer();
  take();
  EXPECT_GT(in_vain(), Duration::zero());
}

TEST_F(AnswerWaits, none_lasts_longer_than_it_may) {
  for (int i = 0; i < 3; ++i) {
    const Duration taken = in_vain();
    EXPECT_GE(taken, SocketWaiter::longest);
    EXPECT_LT(taken, SocketWaiter::longest + slack);
  }
}

TEST_F(AnswerWaits, within_the_period_of_another_it_may_be_shorter) {
  answer();
  EXPECT_EQ(wait(), Outcome::readable);
  take();
  EXPECT_LT(in_vain(), SocketWaiter::longest + slack);
}

// A thread may be stopped between its look at the clock and its wait, while another one uses the connection.
TEST_F(AnswerWaits, one_with_an_old_time_ends_too) {
  const TimePoint old = now();
  for (int i = 0; i < 3; ++i) EXPECT_LT(in_vain(old), SocketWaiter::longest + slack);
}

TEST_F(AnswerWaits, the_end_of_the_peer_ends_it) {
  ASSERT_EQ(shutdown(here(), SHUT_RDWR), 0);
  EXPECT_EQ(wait(), Outcome::readable);
}

TEST_F(AnswerWaits, closing_leaves_no_descriptor_and_makes_room_for_another_socket) {
  if (needs_no_descriptor()) GTEST_SKIP() << "poll(2) needs no descriptor";
  const test::Census before;
  answer();
  EXPECT_EQ(wait(), Outcome::readable);
  EXPECT_GT(test::Census().descriptors, before.descriptors);
  wait_.close();
  EXPECT_EQ(test::Census().descriptors, before.descriptors);
  EXPECT_EQ(wait(), Outcome::readable);
}

TEST_F(AnswerWaits, without_descriptors_it_says_so_and_leaves_none) {
  if (needs_no_descriptor()) GTEST_SKIP() << "poll(2) needs no descriptor";
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const test::Census before;
  const int spare = dup(here());  // the lowest free number
  ::close(spare);
  for (const int room : {0, 1}) {
    const rlimit tight{.rlim_cur = static_cast<rlim_t>(spare + room), .rlim_max = limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    EXPECT_EQ(wait_.wait(here(), now()), Outcome::unavailable);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(test::Census().descriptors, before.descriptors);
  }
  answer();
  EXPECT_EQ(wait(), Outcome::readable);
}

}  // namespace
}  // namespace copg::engine
