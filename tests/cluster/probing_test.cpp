// When which host is probed.
#include "script.hpp"

namespace copg::test {
namespace {

TEST(Probing, begins_at_once_with_all_hosts) {
  Script script;
  script.hosts({1, 2, 3});
  for (const HostKey key : {1U, 2U, 3U}) EXPECT_EQ(script.asked[key], 1U);
}

TEST(Probing, goes_on_once_a_period) {
  Script script = three();
  for (int i = 0; i < 10; ++i) {
    script.pass(999ms);
    for (const HostKey key : {1U, 2U, 3U}) script.answer(key, key == 1 ? primary_on(1) : replica_on(1), 0ms);
  }
  EXPECT_GE(script.asked[1], 10U);
  EXPECT_LE(script.asked[1], 12U);
}

TEST(Probing, a_probe_that_is_not_answered_in_its_time_has_failed) {
  Script script = three();
  script.await_probe(1);
  const std::uint32_t before = script.asked[1];
  script.pass(999ms);
  EXPECT_EQ(script.primary(), 1U);
  EXPECT_EQ(script.asked[1], before) << "never two probes at a time";
  script.pass(1ms);
  EXPECT_EQ(script.primary(), 0U);
  EXPECT_TRUE(script.told(Report::primary_lost));
}

TEST(Probing, an_answer_that_comes_too_late_is_nothing) {
  Script script = three();
  script.await_probe(1);
  const std::uint32_t late = script.probes[1];
  script.pass(1100ms);
  EXPECT_GT(script.probes[1], late);
  script.it.on_probed(script.now, script.id(1), late, primary_on(1));
  EXPECT_EQ(script.primary(), 0U);
}

TEST(Probing, all_hosts_are_probed_at_once_when_the_primary_is_doubted) {
  Script script = three();
  script.pass(100ms);
  script.doubt(1);
  for (const HostKey key : {1U, 2U, 3U}) EXPECT_EQ(script.asked[key], 2U);
  script.wait({});
  script.answer(1, primary_on(1));
  EXPECT_EQ(script.acquire({}), 1U) << "it was a false alarm";
}

TEST(Probing, a_replica_that_is_doubted_is_probed_alone) {
  Script script = three();
  script.pass(100ms);
  script.doubt(2);
  EXPECT_EQ(script.asked[1], 1U);
  EXPECT_EQ(script.asked[2], 2U);
  EXPECT_EQ(script.acquire(read()), 3U);
  EXPECT_EQ(script.acquire(read()), 3U);
  script.answer(2, replica_on(1));
  EXPECT_EQ(script.acquire(read()), 2U);
}

TEST(Probing, a_doubt_is_not_ended_by_the_answer_to_an_older_probe) {
  Script script = three();
  script.await_probe(1);
  script.doubt(1);
  script.answer(1, primary_on(1));
  const WaiterId waiter = script.wait({});
  script.await_probe(1);
  script.answer(1, primary_on(1));
  EXPECT_EQ(script.granted(waiter), 1U);
}

TEST(Probing, is_frequent_while_there_is_no_primary) {
  Script script;
  script.hosts({2});
  script.answer(2, replica_on(1));
  for (int i = 0; i < 20; ++i) {
    script.await_probe(2);
    script.answer(2, replica_on(1));
  }
  EXPECT_LE(script.now - TimePoint{}, 1100ms);
  EXPECT_GE(script.now - TimePoint{}, 900ms);
}

TEST(Probing, follows_a_replica_closely_while_a_read_waits_for_it) {
  Script script = three();
  const WaiterId waiter = script.wait(read_after(2000));
  for (int i = 0; i < 10; ++i) {
    script.await_probe(2);
    script.answer(2, replica_on(1, 1500));
  }
  EXPECT_LE(script.now - TimePoint{}, 150ms);
  EXPECT_EQ(script.granted(waiter), 0U);
  script.await_probe(2);
  script.answer(2, replica_on(1, 2000));
  EXPECT_EQ(script.granted(waiter), 2U);
}

TEST(Probing, backs_off_from_a_host_that_is_down) {
  Script script = three();
  std::uint32_t tries = 0;
  for (int second = 0; second < 60; ++second) {
    script.await_probe(1);
    script.answer(1, primary_on(1));
    if (script.asked[3] != tries) script.refuse(3);
    tries = script.asked[3];
  }
  EXPECT_GE(tries, 12U);
  EXPECT_LE(tries, 30U);
}

TEST(Probing, backs_off_less_while_there_is_no_primary) {
  Script script;
  script.hosts({1});
  for (int i = 0; i < 100; ++i) {
    script.refuse(1);
    script.await_probe(1);
  }
  EXPECT_LE(script.now - TimePoint{}, 25s);
  EXPECT_GE(script.now - TimePoint{}, 12s);
}

TEST(Probing, doubts_without_end_make_no_storm) {
  Script script = three();
  const std::uint32_t before = script.asked[1];
  const TimePoint end = script.now + 1s;
  while (script.now < end) {
    script.doubt(1);
    script.answer(1, primary_on(1), 100us);
    script.pass(100us);
  }
  EXPECT_LE(script.asked[1] - before, 101U);
}

}  // namespace
}  // namespace copg::test
