// Of which sockets a set tells that the other side has hung up.
#include "engine/hang_ups.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <vector>

#include "os/names.hpp"

namespace copg::engine {
namespace {

using Told = std::vector<pool::ConnectionId>;

struct Pair {
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    close_here();
    hang_up();
  }
  [[nodiscard]] int here() const { return ends[0]; }
  void close_here() { close_end(ends[0]); }
  void hang_up() { close_end(ends[1]); }
  void say(const char* word) const { EXPECT_EQ(::write(ends[1], word, 1), 1); }
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

class HangUpSet : public ::testing::Test {
 protected:
  /// What it tells of now.
  Told told(std::size_t most = 8) {
    std::vector<pool::ConnectionId> ids(most);
    ids.resize(hang_ups.take(ids));
    return ids;
  }
  /// What it tells of next, which may take a moment.
  Told told_next(std::size_t most = 8) {
    constexpr int patience = 10'000;  // ms
    pollfd set{hang_ups.descriptor(), POLLIN, 0};
    return poll(&set, 1, patience) == 1 ? told(most) : Told{};
  }
  HangUps hang_ups;
};

constexpr pool::ConnectionId first_id{.slot = 3, .generation = 7};
constexpr pool::ConnectionId second_id{.slot = 0xFFFFFFFF, .generation = 0xFFFFFFFF};

TEST_F(HangUpSet, tells_of_each_once_by_its_id) {
  Pair one;
  Pair other;
  ASSERT_TRUE(hang_ups.add(one.here(), first_id));
  ASSERT_TRUE(hang_ups.add(other.here(), second_id));
  EXPECT_EQ(told(), Told{});
  one.hang_up();
  EXPECT_EQ(told_next(), Told{first_id});
  EXPECT_EQ(told(), Told{});
  other.hang_up();
  EXPECT_EQ(told_next(), Told{second_id});
}

TEST_F(HangUpSet, does_not_tell_of_what_arrives) {
  Pair pair;
  ASSERT_TRUE(hang_ups.add(pair.here(), first_id));
  pair.say("n");
  EXPECT_EQ(told(), Told{});
  pair.say("m");
  pair.hang_up();
  EXPECT_EQ(told_next(), Told{first_id}) << "what is unread hides the end";
}

TEST_F(HangUpSet, tells_of_one_that_had_hung_up_before_it_was_added) {
  Pair pair;
  pair.hang_up();
  ASSERT_TRUE(hang_ups.add(pair.here(), first_id));
  EXPECT_EQ(told_next(), Told{first_id});
}

TEST_F(HangUpSet, tells_of_the_end_of_sending_alone) {
  Pair pair;
  ASSERT_TRUE(hang_ups.add(pair.here(), first_id));
  ASSERT_EQ(::shutdown(pair.ends[1], SHUT_WR), 0);
  EXPECT_EQ(told_next(), Told{first_id});
}

TEST_F(HangUpSet, forgets_what_is_removed_and_what_is_closed) {
  if (std::string_view(os::implementation()) == "poll")
    GTEST_SKIP() << "a socket must be removed before it is closed";
  Pair removed;
  Pair closed;
  ASSERT_TRUE(hang_ups.add(removed.here(), first_id));
  ASSERT_TRUE(hang_ups.add(closed.here(), second_id));
  hang_ups.remove(removed.here());
  closed.close_here();
  removed.hang_up();
  closed.hang_up();
  EXPECT_EQ(told(), Told{});
}

TEST_F(HangUpSet, keeps_apart_two_that_have_the_same_number_one_after_the_other) {
  Pair old;
  ASSERT_TRUE(hang_ups.add(old.here(), first_id));
  old.hang_up();
  const int number = old.here();
  old.close_here();
  Pair young;
  ASSERT_EQ(young.here(), number) << "the lowest number that is free";
  ASSERT_TRUE(hang_ups.add(young.here(), second_id));
  EXPECT_EQ(told(), Told{});
  young.hang_up();
  EXPECT_EQ(told_next(), Told{second_id});
}

TEST_F(HangUpSet, tells_of_as_many_as_there_is_room_for_and_then_of_the_rest) {
  std::array<Pair, 5> pairs;
  for (std::uint32_t i = 0; i < pairs.size(); ++i)
    ASSERT_TRUE(hang_ups.add(pairs[i].here(), {.slot = i, .generation = 1}));
  for (Pair& pair : pairs) pair.hang_up();
  std::size_t count = 0;
  for (std::size_t i = 0; i < pairs.size() && count < pairs.size(); ++i) count += told_next(3).size();
  EXPECT_EQ(count, pairs.size());
  EXPECT_EQ(told(3).size(), 0U);
}

TEST_F(HangUpSet, says_of_a_socket_that_is_none_that_it_will_tell_nothing) {
  EXPECT_FALSE(hang_ups.add(-1, first_id));
}

TEST_F(HangUpSet, of_a_parent_is_as_it_was_after_its_child_has_left_it_and_closed_the_socket) {
  Pair pair;
  ASSERT_TRUE(hang_ups.add(pair.here(), first_id));
  const pid_t child = ::fork();
  if (child == 0) {
    hang_ups.leave();
    pair.close_here();
    pair.hang_up();
    ::_exit(hang_ups.descriptor() < 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(told(), Told{});
  pair.hang_up();
  EXPECT_EQ(told_next(), Told{first_id});
}

TEST_F(HangUpSet, lets_go_of_a_removed_socket_that_a_child_has_still) {
  Pair pair;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_TRUE(hang_ups.add(pair.here(), first_id));
  const pid_t child = ::fork();
  if (child == 0) {  // has the socket until the parent lets it go
    ::close(pipe[1]);
    Pair::close_end(pair.ends[1]);
    char byte = 0;
    ::_exit(::read(pipe[0], &byte, 1) == 0 ? 0 : 1);
  }
  hang_ups.remove(pair.here());
  pair.close_here();
  pair.hang_up();
  EXPECT_EQ(told(), Told{});
  for (const int end : pipe) ::close(end);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace copg::engine
