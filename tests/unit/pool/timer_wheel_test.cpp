// The timer wheel against a sorted list: exact expiry at any distance, in any order.
#include "pool/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace copg::test {
namespace {

using namespace std::chrono_literals;
using pool::Duration;
using pool::TimePoint;
using pool::TimerWheel;

TEST(TimerWheel, a_timer_expires_at_its_deadline_and_not_a_nanosecond_before) {
  for (const Duration distance :
       std::initializer_list<Duration>{1ns, 1us, 65535ns, 65536ns, 1s, 24h, 20000h}) {
    TimerWheel wheel(TimePoint{});
    wheel.reserve(1);
    wheel.add(0, TimePoint{} + distance);
    EXPECT_EQ(wheel.expire(TimePoint{} + distance - 1ns), std::nullopt);
    EXPECT_LE(wheel.next(), TimePoint{} + distance);
    EXPECT_EQ(wheel.expire(TimePoint{} + distance), 0U);
    EXPECT_EQ(wheel.next(), pool::never);
  }
}

TEST(TimerWheel, it_agrees_with_a_sorted_list_whatever_is_added_and_removed) {
  std::mt19937_64 random(1);  // NOLINT: always the same
  constexpr std::uint32_t timers = 200;
  TimerWheel wheel(TimePoint{});
  wheel.reserve(timers);
  std::map<std::uint32_t, TimePoint> list;
  TimePoint now{};
  for (int step = 0; step < 200000; ++step) {
    const auto timer = static_cast<std::uint32_t>(random() % timers);
    if (list.contains(timer)) {
      wheel.remove(timer);
      list.erase(timer);
    } else {
      const TimePoint deadline = now + Duration(static_cast<Duration::rep>(random() >> (random() % 50 + 10)));
      wheel.add(timer, deadline);
      list[timer] = deadline;
    }
    if (random() % 4 != 0) continue;
    now += Duration(static_cast<Duration::rep>(random() >> (random() % 30 + 24)));
    while (const auto expired = wheel.expire(now)) {
      ASSERT_TRUE(list.contains(*expired));
      ASSERT_LE(list[*expired], now);
      list.erase(*expired);
    }
    TimePoint earliest = pool::never;
    for (const auto& [id, deadline] : list) earliest = std::min(earliest, deadline);
    ASSERT_GT(earliest, now) << "step " << step << ": a timer was forgotten";
    ASSERT_LE(wheel.next(), earliest);
    ASSERT_GT(wheel.next(), now);
  }
}

TEST(TimerWheel, never_is_legal_and_never_expires) {
  TimerWheel wheel(TimePoint{});
  wheel.reserve(1);
  wheel.add(0, pool::never);
  EXPECT_EQ(wheel.next(), pool::never);
  EXPECT_EQ(wheel.expire(TimePoint::max() - 1ns), std::nullopt);
  wheel.remove(0);
}

}  // namespace
}  // namespace copg::test
