// Many descriptors that are waited for by one.
#include "os/ready_set.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <thread>
#include <vector>

#include "support/sanitizers.hpp"

namespace copg::os {
namespace {

using What = ReadySet::What;

constexpr int patience = 10'000;  // ms

bool readable(int fd, int time = patience) {
  pollfd one{fd, POLLIN, 0};
  return poll(&one, 1, time) == 1;
}

struct Pair {
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    close_end(0);
    close_end(1);
  }
  [[nodiscard]] int here() const { return ends[0]; }
  void say() const { EXPECT_EQ(write(ends[1], "x", 1), 1); }
  void hear() const {
    char byte = 0;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
  }
  void close_end(std::size_t which) {
    if (ends[which] >= 0) close(ends[which]);
    ends[which] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

class ReadySets : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(set.open() && set.open_wake()); }

  /// What is told of next; empty after ten seconds. A set may be readable for no reason, once.
  std::vector<ReadySet::Found> next(std::size_t room = 8) {
    std::vector<ReadySet::Found> found(room);
    std::size_t count = 0;
    while (count == 0 && readable(set.fd())) count = set.take(found);
    found.resize(count);
    return found;
  }
  /// Whether nothing is told of. Another thread may look after the set: it has been round when it has told of
  /// another descriptor, which it looks at last.
  bool tells_of_nothing_else() {
    Pair last;
    constexpr std::uint64_t token = 1'000'000;
    EXPECT_TRUE(set.watch(last.here(), What::read, token));
    last.say();
    const auto found = next();
    set.unwatch(last.here());
    return found.size() == 1 && found[0].token == token;
  }

  ReadySet set;
};

TEST_F(ReadySets, tell_once_of_what_is_ready_until_it_is_watched_again) {
  Pair pair;
  ASSERT_TRUE(set.watch(pair.here(), What::read, 7));
  EXPECT_TRUE(tells_of_nothing_else());
  pair.say();
  for (int i = 0; i < 3; ++i) {
    const auto found = next();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].token, 7U);
    EXPECT_TRUE(found[0].readable);
    EXPECT_FALSE(found[0].writable);
    EXPECT_TRUE(tells_of_nothing_else());
    ASSERT_TRUE(set.watch(pair.here(), What::read, 7));
  }
}

TEST_F(ReadySets, tell_of_what_was_asked_for) {
  Pair pair;
  pair.say();
  ASSERT_TRUE(set.watch(pair.here(), What::write, 8));
  auto found = next();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].writable && !found[0].readable);
  ASSERT_TRUE(set.watch(pair.here(), What::read_write, 9));
  found = next();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].token, 9U);
  EXPECT_TRUE(found[0].writable && found[0].readable);
}

TEST_F(ReadySets, take_the_last_wish_for_a_descriptor) {
  Pair pair;
  ASSERT_TRUE(set.watch(pair.here(), What::write, 1));
  ASSERT_TRUE(set.watch(pair.here(), What::read, 2));
  EXPECT_TRUE(tells_of_nothing_else());
  pair.say();
  const auto found = next();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].token, 2U);
}

TEST_F(ReadySets, tell_of_an_end_as_if_all_were_ready) {
  Pair pair;
  ASSERT_TRUE(set.watch(pair.here(), What::read, 1));
  pair.close_end(1);
  const auto found = next();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].writable && found[0].readable);
}

TEST_F(ReadySets, forget_what_is_not_watched_any_more_and_let_go_of_it) {
  Pair pair;
  ASSERT_TRUE(set.watch(pair.here(), What::read, 1));
  EXPECT_TRUE(tells_of_nothing_else());
  set.unwatch(pair.here());
  pair.close_end(0);
  EXPECT_TRUE(readable(pair.ends[1], 0)) << "the peer sees the end at once: nobody else has the socket";
  EXPECT_TRUE(tells_of_nothing_else());
}

TEST_F(ReadySets, stay_readable_for_what_there_was_no_room_for) {
  std::array<Pair, 100> pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(set.watch(pairs[i].here(), What::read, i + 1));
    pairs[i].say();
  }
  std::multiset<std::uint64_t> told;
  while (told.size() < pairs.size()) {
    const auto found = next(3);
    ASSERT_FALSE(found.empty());
    for (const ReadySet::Found& one : found) told.insert(one.token);
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) EXPECT_EQ(told.count(i + 1), 1U);
  EXPECT_TRUE(tells_of_nothing_else());
}

TEST_F(ReadySets, are_woken_by_any_thread_until_something_is_taken) {
  for (int i = 0; i < 100; ++i) {
    std::jthread other([this] { set.wake(); });
    ASSERT_TRUE(readable(set.fd()));
    other.join();
    std::array<ReadySet::Found, 8> found{};
    EXPECT_EQ(set.take(found), 0U);
    EXPECT_FALSE(readable(set.fd(), 0));
  }
}

TEST_F(ReadySets, ring_at_the_time_of_their_alarm_and_not_before) {
  constexpr auto moment = std::chrono::milliseconds(30);
  for (int i = 0; i < 3; ++i) {
    const TimePoint time = now() + moment;
    ASSERT_TRUE(set.set_alarm(now() + std::chrono::hours(1)));
    ASSERT_TRUE(set.set_alarm(time));
    ASSERT_TRUE(readable(set.fd()));
    EXPECT_GE(now(), time);
    std::array<ReadySet::Found, 8> found{};
    EXPECT_EQ(set.take(found), 0U);
    EXPECT_FALSE(readable(set.fd(), 0));
  }
}

TEST_F(ReadySets, hear_a_hang_up_in_front_of_which_something_is_unread) {
  Pair pair;
  ASSERT_TRUE(set.watch(pair.here(), What::hang_up, 5));
  pair.say();
  EXPECT_TRUE(tells_of_nothing_else());
  pair.close_end(1);
  const auto found = next();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].token, 5U);
  EXPECT_TRUE(tells_of_nothing_else());
}

TEST_F(ReadySets, of_a_forked_child_are_its_own) {
  if (test::under_thread_sanitizer) GTEST_SKIP() << "the thread sanitizer has no threads in a forked child";
  Pair pair;
  ASSERT_TRUE(set.watch(pair.here(), What::read, 1));
  const pid_t child = fork();
  if (child == 0) {
    set.close();
    ReadySet own;
    Pair two;
    two.say();
    std::array<ReadySet::Found, 1> found{};
    const bool told = own.open() && own.watch(two.here(), What::read, 3) && readable(own.fd()) &&
                      own.take(found) == 1 && found[0].token == 3;
    _exit(told ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  pair.say();
  EXPECT_EQ(next().size(), 1U);
}

// Threads that each wait for a set of their own, again and again.
TEST(ManySets, work_side_by_side) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      ReadySet set;
      Pair pair;
      ASSERT_TRUE(set.open());
      for (int round = 0; round < 500; ++round) {
        ASSERT_TRUE(set.watch(pair.here(), What::read, 1));
        if (round % 3 == 0) {
          set.unwatch(pair.here());
          continue;
        }
        pair.say();
        ASSERT_TRUE(readable(set.fd()));
        std::array<ReadySet::Found, 2> found{};
        ASSERT_EQ(set.take(found), 1U);
        pair.hear();
      }
    });
}

}  // namespace
}  // namespace copg::os
