// What hosts are held to be: two primaries, other systems, hosts that come and go.
#include "script.hpp"

namespace copg::test {
namespace {

TEST(Judging, of_two_primaries_the_one_on_the_newer_timeline_is_served_and_the_other_fenced) {
  Script script = three();
  script.await_probe(2);
  script.answer(2, primary_on(2));
  EXPECT_EQ(script.primary(), 2U);
  EXPECT_EQ(script.verdict(1), Verdict::fenced);
  EXPECT_EQ(script.ended(1), EpochEnd::fenced);
  EXPECT_EQ(script.ended(2), EpochEnd::none) << "a promotion leaves connections as they are";
  EXPECT_EQ(script.acquire({}), 2U);
  EXPECT_TRUE(script.told(Report::primary_found));
}

TEST(Judging, a_fenced_primary_serves_nothing_even_if_the_other_is_lost) {
  Script script = three();
  script.await_probe(2);
  script.answer(2, primary_on(2));
  script.doubt(2);
  script.await_probe(1);
  script.answer(1, primary_on(1));
  script.await_probe(2);
  script.refuse(2);
  script.wait({});
  EXPECT_EQ(script.primary(), 0U);
  EXPECT_TRUE(script.told(Report::primary_lost));
}

TEST(Judging, a_fenced_primary_serves_again_as_a_replica_or_on_the_newest_timeline) {
  Script script = three();
  script.await_probe(2);
  script.answer(2, primary_on(2));
  script.await_probe(1);
  script.answer(1, replica_on(2));
  EXPECT_EQ(script.ended(1), EpochEnd::demoted);
  EXPECT_EQ(script.acquire(read()), 1U);
  script.await_probe(1);
  script.answer(1, primary_on(3));
  EXPECT_EQ(script.acquire({}), 1U);
  EXPECT_EQ(script.verdict(2), Verdict::fenced);
}

TEST(Judging, a_replica_on_a_newer_timeline_fences_the_primary) {
  Script script = three();
  script.await_probe(3);
  script.answer(3, replica_on(2));
  EXPECT_EQ(script.verdict(1), Verdict::fenced);
  EXPECT_EQ(script.primary(), 0U);
}

TEST(Judging, two_primaries_on_one_timeline_are_a_dispute_and_none_is_served) {
  Script script = three();
  Observation twin = primary_on(1);
  twin.instance = 55;  // another server
  script.await_probe(2);
  script.answer(2, twin);
  EXPECT_TRUE(script.told(Report::disputed));
  EXPECT_EQ(script.ended(1), EpochEnd::fenced);
  EXPECT_EQ(script.ended(2), EpochEnd::fenced);
  const WaiterId waiter = script.wait({});
  script.await_probe(2);
  script.answer(2, replica_on(1));
  EXPECT_TRUE(script.told(Report::settled));
  EXPECT_EQ(script.granted(waiter), 1U);
}

TEST(Judging, a_dispute_ends_when_one_does_not_answer_any_more) {
  Script script = three();
  Observation twin = primary_on(1);
  twin.instance = 55;  // another server
  script.await_probe(2);
  script.answer(2, twin);
  script.await_probe(1);
  script.refuse(1);
  EXPECT_TRUE(script.told(Report::settled));
  EXPECT_EQ(script.acquire({}), 2U);
}

TEST(Judging, two_addresses_of_one_server_are_no_dispute) {
  Script script;
  script.hosts({1, 2});
  script.answer(1, primary_on(1));
  script.answer(2, primary_on(1));
  EXPECT_FALSE(script.it.disputed());
  EXPECT_EQ(script.acquire({}), 1U);
  script.doubt(1);
  script.await_probe(1);
  script.refuse(1);
  EXPECT_EQ(script.acquire({}), 2U);
}

TEST(Judging, a_primary_of_another_system_on_the_same_timeline_is_a_dispute) {
  Script script = three();
  Observation other = primary_on(1);
  other.system = 8;
  script.await_probe(2);
  script.answer(2, other);
  EXPECT_TRUE(script.told(Report::disputed));
  EXPECT_EQ(script.verdict(2), Verdict::foreign);
  EXPECT_EQ(script.ended(2), EpochEnd::foreign);
  script.wait({});
}

TEST(Judging, a_primary_of_another_system_is_passed_over_if_it_was_said_which_is_meant) {
  Script script = three({.system = this_system});
  Observation other = primary_on(9);
  other.system = 8;
  script.await_probe(2);
  script.answer(2, other);
  EXPECT_FALSE(script.it.disputed());
  EXPECT_EQ(script.verdict(2), Verdict::foreign);
  EXPECT_EQ(script.acquire({}), 1U);
  EXPECT_EQ(script.acquire(read()), 3U);
}

TEST(Judging, the_system_stays_the_same_while_a_host_belongs_to_it) {
  Script script = three();
  Observation other = primary_on(9);
  other.system = 8;
  script.hosts({2, 3, 4});
  script.answer(4, other);
  EXPECT_EQ(script.verdict(4), Verdict::foreign);
  EXPECT_FALSE(script.it.disputed()) << "no other claims to be the primary";
  script.wait({});
}

TEST(Judging, a_system_that_no_host_belongs_to_is_forgotten) {
  Script script = three();
  Observation other = primary_on(1);
  other.system = 8;
  script.hosts({4});
  script.answer(4, other);
  EXPECT_EQ(script.it.system(), 8U);
  EXPECT_EQ(script.acquire({}), 4U);
}

TEST(Judging, a_host_that_leaves_the_list_is_closed_and_its_leases_live_on) {
  Script script = three({.max_leases = 1});
  EXPECT_EQ(script.acquire({}), 1U);
  const HostId gone = script.last.host;
  const WaiterId waiter = script.wait(read());
  script.hosts({2, 3});
  EXPECT_EQ(script.ended(1), EpochEnd::left);
  EXPECT_EQ(script.it.leases(), 1U);
  EXPECT_EQ(script.granted(waiter), 0U);
  script.it.release(script.now, gone);
  script.pass(1us);
  EXPECT_EQ(script.granted(waiter), 2U);
}

TEST(Judging, an_address_that_comes_back_is_a_new_host) {
  Script script = three();
  const HostId before = script.id(2);
  script.hosts({1, 3});
  script.hosts({1, 2, 3});
  EXPECT_FALSE(before == script.id(2));
  EXPECT_EQ(script.it.host(before), nullptr);
  EXPECT_EQ(script.verdict(2), Verdict::unknown);
}

TEST(Judging, a_server_that_was_started_again_has_no_old_connections) {
  Script script = three();
  Observation again = primary_on(1);
  again.instance = 2;
  script.await_probe(1);
  script.answer(1, again);
  EXPECT_EQ(script.ended(1), EpochEnd::restarted);
  EXPECT_EQ(script.acquire({}), 1U);
}

TEST(Judging, more_hosts_than_there_is_room_for_are_refused) {
  Script script;
  std::vector<HostKey> keys(Cluster::most_hosts + 1);
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = i + 1;
  EXPECT_FALSE(script.it.set_hosts(script.now, keys));
  EXPECT_TRUE(script.it.find(Cluster::most_hosts));
  EXPECT_FALSE(script.it.find(Cluster::most_hosts + 1));
}

}  // namespace
}  // namespace copg::test
