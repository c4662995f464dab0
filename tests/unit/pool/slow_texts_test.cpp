// SlowTexts: which SQL texts are known to be slow, when that is learnt, and when it is forgotten.
#include "pool/slow_texts.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "sim/allocations.hpp"
#include "sim/workload.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;
using pool::Duration;
using pool::SlowTexts;

/// `count` answers of a text, each the first on its connection.
void learn(SlowTexts& texts, std::uint64_t key, Duration took, int count) {
  for (int i = 0; i < count; ++i) texts.learn(key, took, true);
}

TEST(SlowTexts, a_text_is_fast_until_it_was_slow) {
  SlowTexts texts;
  EXPECT_FALSE(texts.slow(1));
  learn(texts, 1, 100us, 1000);
  EXPECT_FALSE(texts.slow(1));
  EXPECT_EQ(texts.estimate(1), 0ns) << "no record of what was never slow";
  EXPECT_EQ(texts.threshold(), 2ms);
}

TEST(SlowTexts, one_answer_of_50_ms_is_enough_to_know_and_twenty_fast_ones_to_forget) {
  SlowTexts texts;
  learn(texts, 1, 100us, 100);
  learn(texts, 2, 50ms, 1);
  EXPECT_TRUE(texts.slow(2));
  EXPECT_FALSE(texts.slow(1));
  learn(texts, 2, 100us, 7);
  EXPECT_TRUE(texts.slow(2)) << "50 ms / 8 x (7/8)^7 = 2.5 ms";
  learn(texts, 2, 100us, 13);
  EXPECT_FALSE(texts.slow(2));
  learn(texts, 2, 100us, 10);
  EXPECT_EQ(texts.estimate(2), 0ns) << "and its record is gone";
}

TEST(SlowTexts, a_text_a_little_above_the_threshold_is_known_after_some_answers) {
  SlowTexts texts;
  learn(texts, 1, 100us, 100);
  int answers = 0;
  for (; !texts.slow(2) && answers < 100; ++answers) learn(texts, 2, 3ms, 1);
  EXPECT_GT(answers, 2);
  EXPECT_LT(answers, 12);
}

TEST(SlowTexts, a_text_that_is_slow_one_time_in_ten_is_slow_on_average) {
  SlowTexts texts;
  learn(texts, 1, 100us, 100);
  int slow = 0;
  for (int i = 0; i < 1000; ++i) {
    texts.learn(2, i % 10 == 0 ? 50ms : 100us, false);
    if (texts.slow(2)) ++slow;
  }
  EXPECT_GT(slow, 800);
}

TEST(SlowTexts, a_distant_server_makes_no_text_slow) {
  SlowTexts texts;
  for (const Duration round_trip : {1ms, 20ms, 100ms, 5ms}) {
    for (int i = 0; i < 1000; ++i) {
      learn(texts, 1, round_trip, 3);
      learn(texts, 2, round_trip + 1ms, 1);
    }
    EXPECT_FALSE(texts.slow(1)) << round_trip.count();
    EXPECT_FALSE(texts.slow(2)) << round_trip.count();
    EXPECT_NEAR(static_cast<double>(texts.round_trip().count()), static_cast<double>(round_trip.count()),
                0.1 * static_cast<double>(round_trip.count()));
    EXPECT_EQ(texts.threshold(), std::max<Duration>(2ms, 2 * texts.round_trip()));
    for (int i = 0; i < 30; ++i) {
      learn(texts, 1, round_trip, 3);
      learn(texts, 3, 4 * round_trip + 4ms, 1);
    }
    EXPECT_TRUE(texts.slow(3)) << round_trip.count();
    learn(texts, 3, round_trip, 100);
  }
}

TEST(SlowTexts, where_all_are_slow_none_is_kept_apart) {
  SlowTexts texts;
  for (int i = 0; i < 1000; ++i) texts.learn(static_cast<std::uint64_t>(i % 7), 50ms, i % 3 == 0);
  for (std::uint64_t key = 0; key < 7; ++key) EXPECT_FALSE(texts.slow(key));
}

TEST(SlowTexts, behind_another_statement_there_is_no_round_trip_to_take_off) {
  SlowTexts texts;
  learn(texts, 1, 5ms, 1000);
  for (int i = 0; i < 50; ++i) {
    learn(texts, 1, 5ms, 3);
    texts.learn(2, 12ms, false);
    texts.learn(3, 12ms, true);
  }
  EXPECT_TRUE(texts.slow(2));
  EXPECT_FALSE(texts.slow(3)) << "7 ms are less than two round trips";
}

// The same estimate, said simply: a map, and no limit.
TEST(SlowTexts, agrees_with_a_map_as_long_as_there_is_room) {
  sim::Dice dice(1);
  SlowTexts texts;
  std::map<std::uint64_t, double> estimates;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t key = dice.below(4) * 0x9e3779b9U;  // as few as fit into one set
    const bool first = dice.permille(300);
    const Duration took = dice.permille(100) ? dice.between(0ns, 60ms) : dice.between(0ns, 1ms);
    texts.learn(key, took, first);
    const auto threshold = static_cast<double>(texts.threshold().count());
    const auto cost = static_cast<double>(
        first ? std::max(took - texts.round_trip(), Duration::zero()).count() : took.count());
    const auto it = estimates.find(key);
    if (it != estimates.end()) {
      it->second += (cost - it->second) / 8;
      if (it->second < threshold / 8) estimates.erase(it);
    } else if (cost > threshold) {
      estimates[key] = cost / 8;
    }
    for (std::uint64_t n = 0; n < 4; ++n) {
      const std::uint64_t other = n * 0x9e3779b9U;
      const double expected = estimates.contains(other) ? estimates[other] : 0;
      const auto estimate = static_cast<double>(texts.estimate(other).count());
      ASSERT_NEAR(estimate, expected, 100) << "after " << i;
      if (std::abs(expected - threshold) < 100) continue;
      ASSERT_EQ(texts.slow(other), expected > threshold) << "after " << i;
    }
  }
}

TEST(SlowTexts, a_million_slow_texts_take_no_more_memory_and_the_latest_is_known) {
  SlowTexts texts;
  learn(texts, 0, 100us, 100);
  const std::uint64_t before = sim::allocations();
  for (std::uint64_t key = 1; key < 1'000'000; ++key) {
    texts.learn(key, 50ms, false);
    ASSERT_TRUE(texts.slow(key));
  }
  EXPECT_EQ(sim::allocations(), before);
}

TEST(SlowTexts, a_text_in_use_outlasts_those_that_were_slow_once) {
  SlowTexts texts;
  learn(texts, 0, 100us, 100);
  for (std::uint64_t key = 1; key < 100'000; ++key) {
    texts.learn(0, 50ms, false);
    texts.learn(key, 50ms, false);
    ASSERT_TRUE(texts.slow(0)) << key;
  }
}

}  // namespace
}  // namespace copg::test
