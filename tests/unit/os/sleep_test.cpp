// Threads that sleep on a word in memory.
#include "os/sleep.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "support/sanitizers.hpp"

namespace copg::os {
namespace {

using Word = std::atomic<std::uint32_t>;

constexpr Duration moment = std::chrono::milliseconds(50);
constexpr Duration long_enough = std::chrono::seconds(10);

/// Until the word has another value; false after ten seconds.
bool sleep_while(const Word& word, std::uint32_t value) {
  const TimePoint end = now() + long_enough;
  while (word == value && now() < end) sleep_on(word, value, end);
  return word != value;
}

TEST(Sleepers, whose_word_has_changed_already_do_not_sleep) {
  const Word word = 1;
  sleep_on(word, 0, TimePoint::max());
}

TEST(Sleepers, wake_up_at_their_deadline_and_not_before) {
  const Word word = 0;
  const TimePoint deadline = now() + moment;
  while (now() < deadline) sleep_on(word, 0, deadline);
  EXPECT_LT(now(), deadline + long_enough);
  sleep_on(word, 0, now() - moment);
  sleep_on(word, 0, TimePoint());
}

TEST(Sleepers, are_woken_one_after_the_other) {
  constexpr std::size_t count = 8;
  Word word = 0;
  std::atomic<std::size_t> up = 0;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back([&] {
      EXPECT_TRUE(sleep_while(word, 0));
      ++up;
    });
  word = 1;
  for (std::size_t i = 0; i < count; ++i) wake_one_on(&word);
  threads.clear();
  EXPECT_EQ(up, count);
}

TEST(Sleepers, on_different_words_are_woken_each_by_its_own) {
  constexpr std::size_t count = 200;  // several in one bed
  std::array<Word, count> words{};
  std::vector<std::jthread> threads;
  for (Word& word : words) threads.emplace_back([&word] { EXPECT_TRUE(sleep_while(word, 0)); });
  for (Word& word : words) {
    word = 1;
    wake_one_on(&word);
  }
}

TEST(Sleepers, miss_no_wake) {
  constexpr std::uint32_t rounds = 20'000;
  Word word = 0;
  std::jthread other([&] {
    for (std::uint32_t i = 0; i < rounds; ++i) {
      if (!sleep_while(word, 2 * i)) return;
      word = 2 * i + 2;
      wake_one_on(&word);
    }
  });
  for (std::uint32_t i = 0; i < rounds; ++i) {
    word = 2 * i + 1;
    wake_one_on(&word);
    ASSERT_TRUE(sleep_while(word, 2 * i + 1)) << "round " << i;
  }
}

TEST(Sleepers, of_a_forked_child_are_woken_while_others_of_the_parent_sleep) {
  if (test::under_thread_sanitizer) GTEST_SKIP() << "the thread sanitizer has no threads in a forked child";
  Word word = 0;
  std::jthread sleeper([&] { EXPECT_TRUE(sleep_while(word, 0)); });
  const pid_t child = fork();
  if (child == 0) {
    std::jthread waker([&] {
      word = 2;
      wake_one_on(&word);
    });
    _exit(sleep_while(word, 0) ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  word = 1;
  wake_one_on(&word);
}

TEST(Descriptors, are_waited_for_until_the_time_is_up) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  pollfd one{ends[0], POLLIN, 0};
  for (const Duration limit : {moment, Duration(std::chrono::milliseconds(100)), Duration(1), Duration(0)}) {
    const TimePoint begin = now();
    EXPECT_EQ(poll_one(one, limit), 0);
    EXPECT_GE(now() - begin, limit);
  }
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  EXPECT_EQ(poll_one(one, long_enough), 1);
  for (const int end : ends) close(end);
}

}  // namespace
}  // namespace copg::os
