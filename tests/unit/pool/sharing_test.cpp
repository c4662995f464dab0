// Statements: who travels with whom, who drives, and what becomes of those whose connection dies.
#include "script.hpp"

namespace copg::test {
namespace {

using pool::Statement;
using pool::StatementKind;
using Waiters = std::vector<WaiterId>;

constexpr Statement a_read{.key = 1, .kind = StatementKind::read};
constexpr Statement a_write{.key = 2, .kind = StatementKind::last};
constexpr Statement a_loner{.key = 3, .kind = StatementKind::alone};
constexpr Statement a_slow_read{.key = 4, .kind = StatementKind::read};

/// One connection, leased.
struct Saturated : ::testing::Test {
  Script pool{{.min_size = 1, .max_size = 1}};
  ConnectionId id;
  void SetUp() override {
    pool.connect_all();
    id = pool.lease();
  }
  /// `count` reads that wait.
  Waiters reads(int count) {
    Waiters waiters;
    for (int i = 0; i < count; ++i) waiters.push_back(pool.ask(a_read));
    return waiters;
  }
  /// The connection is free: its next driver begins.
  void begin() {
    pool.release(id);
    ASSERT_EQ(pool.count(ActionKind::grant), 1U);
    ASSERT_TRUE(pool.accept(pool.actions().front().waiter));
  }
};

TEST_F(Saturated, reads_travel_together_and_the_first_drives) {
  const Waiters waiters = reads(3);
  pool.release(id);
  EXPECT_EQ(pool.actions(), Actions{grant(waiters[0], id)});
  EXPECT_EQ(pool.run(id), waiters);
  EXPECT_EQ(pool.stats().requests_waiting, 0U);
  EXPECT_EQ(pool.accept(waiters[0]), id);
  EXPECT_EQ(pool.send_all(id), waiters);
  for (const WaiterId waiter : waiters) EXPECT_TRUE(pool.answered(waiter));
  EXPECT_FALSE(pool.answered(waiters[0])) << "only once";
  EXPECT_TRUE(pool.run(id).empty());
  EXPECT_TRUE(pool.release(id));
  EXPECT_EQ(pool.stats().pool_available, 1U);
  EXPECT_EQ(pool.stats().statements_shared, 3U);
  EXPECT_EQ(pool.stats().runs_num, 1U);
  EXPECT_EQ(pool.stats().runs_largest, 3U);
  EXPECT_EQ(pool.stats().runs_mean(), 3.0);
}

TEST_F(Saturated, a_run_has_share_limit_statements_at_most) {
  const Waiters waiters = reads(20);
  pool.release(id);
  EXPECT_EQ(pool.run(id), Waiters(waiters.begin(), waiters.begin() + 16));
  EXPECT_EQ(pool.stats().requests_waiting, 4U);
}

TEST_F(Saturated, a_run_ends_before_a_lease_waiter_and_nobody_overtakes_it) {
  const Waiters first = reads(2);
  const WaiterId lease = pool.wait();
  const Waiters second = reads(2);
  begin();
  EXPECT_EQ(pool.run(id), first);
  pool.send_all(id);
  for (const WaiterId waiter : first) pool.answered(waiter);
  pool.release(id);
  EXPECT_EQ(pool.actions(), Actions{grant(lease, id)});
  EXPECT_TRUE(pool.run(id).empty());
  EXPECT_EQ(pool.accept(lease), id);
  pool.release(id);
  EXPECT_EQ(pool.run(id), second);
}

TEST_F(Saturated, a_write_is_the_last_of_a_run) {
  const Waiters waiters{pool.ask(a_read), pool.ask(a_write), pool.ask(a_read), pool.ask(a_write),
                        pool.ask(a_write)};
  begin();
  EXPECT_EQ(pool.run(id), Waiters({waiters[0], waiters[1]}));
  pool.send_all(id);
  pool.answered(waiters[0]);
  pool.answered(waiters[1]);
  begin();
  EXPECT_EQ(pool.run(id), Waiters({waiters[2], waiters[3]}));
  pool.send_all(id);
  pool.answered(waiters[2]);
  pool.answered(waiters[3]);
  begin();
  EXPECT_EQ(pool.run(id), Waiters{waiters[4]});
}

TEST_F(Saturated, a_statement_that_must_be_alone_is) {
  const Waiters waiters{pool.ask(a_read), pool.ask(a_loner), pool.ask(a_read)};
  begin();
  EXPECT_EQ(pool.run(id), Waiters{waiters[0]});
  pool.send_all(id);
  pool.answered(waiters[0]);
  begin();
  EXPECT_EQ(pool.run(id), Waiters{waiters[1]});
  EXPECT_EQ(pool.stats().runs_num, 0U) << "one is no run";
}

TEST(Sharing, is_off_with_a_limit_of_one_or_none) {
  for (const std::uint32_t limit : {0U, 1U}) {
    Script pool({.min_size = 1, .max_size = 1, .share_limit = limit});
    pool.connect_all();
    pool.answered(a_slow_read, 1ms);
    pool.answered(a_slow_read, 10s);
    const ConnectionId id = pool.lease();
    const Waiters waiters{pool.ask(a_slow_read), pool.ask(a_read)};
    pool.release(id);
    EXPECT_EQ(pool.actions(), Actions{grant(waiters[0], id)});
    EXPECT_EQ(pool.run(id), Waiters{waiters[0]});
    EXPECT_EQ(pool.stats().statements_isolated, 0U);
  }
}

TEST(Sharing, each_connection_takes_its_fair_share) {
  Script pool({.min_size = 4, .max_size = 4});
  pool.connect_all();
  std::vector<ConnectionId> leased;
  for (int i = 0; i < 4; ++i) leased.push_back(pool.lease());
  for (int i = 0; i < 10; ++i) pool.ask(a_read);
  std::vector<std::size_t> sizes;
  for (const ConnectionId id : leased) {
    pool.release(id);
    sizes.push_back(pool.run(id).size());
  }
  EXPECT_EQ(sizes, std::vector<std::size_t>({3, 2, 2, 1})) << "of 10, 7, 5 and 3, a quarter";
}

TEST(Sharing, a_statement_takes_an_idle_connection_at_once_and_alone) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const Acquired answer = pool.acquire_statement(a_read);
  ASSERT_EQ(answer.kind, Acquired::Kind::granted);
  EXPECT_TRUE(pool.run(answer.connection).empty());
  EXPECT_EQ(pool.send_next(answer.connection), std::nullopt);
  EXPECT_FALSE(pool.hand_on(answer.connection));
  pool.ask(a_read);  // never topped up
  EXPECT_TRUE(pool.run(answer.connection).empty());
  pool.answered(a_read, 100us);
  EXPECT_TRUE(pool.release(answer.connection));
}

TEST(Sharing, a_statement_found_dead_at_once_keeps_its_place) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId dead = pool.acquire_statement(a_read).connection;
  const WaiterId other = pool.ask(a_read);
  const Acquired again = pool.reacquire_statement(dead, a_read);
  ASSERT_EQ(again.kind, Acquired::Kind::queued);
  pool.close_all();
  pool.connect_all();
  EXPECT_EQ(pool.run(pool.in_state(sim::Model::State::leased).at(0)), Waiters({again.waiter, other}));
}

// --- cancels and deadlines

TEST_F(Saturated, one_that_was_not_sent_leaves_its_run) {
  const Waiters waiters = reads(3);
  begin();
  EXPECT_EQ(pool.cancel(waiters[1]).kind, Cancelled::Kind::cancelled);
  EXPECT_EQ(pool.send_all(id), Waiters({waiters[0], waiters[2]}));
  EXPECT_EQ(pool.stats().requests_cancelled, 1U);
}

TEST_F(Saturated, one_whose_deadline_passes_before_it_is_sent_leaves_its_run) {
  const WaiterId driver = pool.ask(a_read);
  const WaiterId hasty = pool.ask(a_read, 10ms);
  begin();
  EXPECT_LE(pool.next_deadline(), pool.now() + 10ms);
  pool.pass(10ms);
  pool.tick();
  EXPECT_EQ(pool.actions(), Actions{fail(hasty, WaitError::timeout)});
  EXPECT_EQ(pool.send_all(id), Waiters{driver});
}

TEST_F(Saturated, one_that_was_sent_stays_and_its_answer_is_dropped) {
  const Waiters waiters = reads(2);
  begin();
  pool.send_all(id);
  pool.pass(60s);
  pool.tick();
  EXPECT_TRUE(pool.actions().empty()) << "its deadline is its caller's now";
  const Cancelled answer = pool.cancel(waiters[1]);
  EXPECT_EQ(answer.kind, Cancelled::Kind::sent);
  EXPECT_EQ(answer.connection, id);
  EXPECT_FALSE(answer.alone) << "the driver still waits";
  EXPECT_EQ(pool.cancel(waiters[1]).kind, Cancelled::Kind::unknown);
  EXPECT_TRUE(pool.answered(waiters[0]));
  EXPECT_FALSE(pool.answered(waiters[1])) << "nobody waits for it";
}

TEST_F(Saturated, the_last_to_give_up_learns_that_nobody_keeps_the_connection) {
  const Waiters waiters = reads(3);
  begin();
  pool.send_all(id);
  pool.answered(waiters[0]);
  EXPECT_FALSE(pool.cancel(waiters[1]).alone);
  EXPECT_TRUE(pool.cancel(waiters[2]).alone);
  EXPECT_FALSE(pool.hand_on(id)) << "nobody is left to drive";
  pool.release(id, Disposition::needs_reset);
  EXPECT_EQ(pool.actions(), Actions{reset(id)});
}

TEST_F(Saturated, a_driver_that_gives_up_before_it_begins_is_followed_by_the_next) {
  const Waiters waiters = reads(3);
  pool.release(id);
  EXPECT_EQ(pool.cancel(waiters[0]).kind, Cancelled::Kind::cancelled);
  EXPECT_EQ(pool.actions(), Actions{grant(waiters[1], id)});
  EXPECT_EQ(pool.cancel(waiters[1]).kind, Cancelled::Kind::cancelled);
  EXPECT_EQ(pool.actions(), Actions{grant(waiters[2], id)});
  const Cancelled last = pool.cancel(waiters[2]);
  EXPECT_EQ(last.kind, Cancelled::Kind::granted) << "as with a lease";
  EXPECT_EQ(last.connection, id);
  EXPECT_TRUE(pool.release(id));
  EXPECT_EQ(pool.stats().pool_available, 1U);
}

TEST_F(Saturated, a_driver_whose_statement_is_answered_hands_on_to_the_next_that_waits) {
  const Waiters waiters = reads(4);
  begin();
  pool.send_all(id);
  pool.cancel(waiters[1]);
  pool.answered(waiters[0]);
  EXPECT_TRUE(pool.hand_on(id));
  EXPECT_EQ(pool.actions(), Actions{grant(waiters[2], id)});
  EXPECT_TRUE(pool.hand_on(id));
  EXPECT_TRUE(pool.actions().empty()) << "it is asked already";
  EXPECT_EQ(pool.accept(waiters[2]), id);
  EXPECT_FALSE(pool.answered(waiters[1]));
  EXPECT_TRUE(pool.answered(waiters[2]));
  EXPECT_TRUE(pool.answered(waiters[3]));
  EXPECT_TRUE(pool.release(id));
}

TEST_F(Saturated, a_driver_that_gives_up_after_it_accepted_hands_on_too) {
  const Waiters waiters = reads(2);
  begin();
  EXPECT_EQ(pool.cancel(waiters[0]).kind, Cancelled::Kind::cancelled);
  EXPECT_TRUE(pool.hand_on(id));
  EXPECT_EQ(pool.actions(), Actions{grant(waiters[1], id)});
  EXPECT_EQ(pool.accept(waiters[1]), id);
  EXPECT_EQ(pool.send_all(id), Waiters{waiters[1]});
}

// --- a connection that dies

TEST_F(Saturated, what_was_never_sent_goes_back_to_the_head_in_order) {
  const Waiters waiters = reads(4);
  const WaiterId late = pool.ask(a_write);
  pool.cancel(late);
  const WaiterId lease = pool.wait();
  begin();
  EXPECT_EQ(pool.send_next(id), waiters[0]);
  EXPECT_EQ(pool.send_next(id), waiters[1]);
  EXPECT_EQ(pool.send_next(id), waiters[2]);
  pool.answered(waiters[0]);
  pool.lose(id, 1);  // the third was in the buffer
  EXPECT_EQ(pool.named(ActionKind::close), std::vector{id});
  ASSERT_EQ(pool.count(ActionKind::fail), 1U);
  EXPECT_EQ(pool.actions().front(), fail(waiters[1], WaitError::lost));
  EXPECT_EQ(pool.stats().requests_waiting, 3U);
  pool.close_all();
  pool.connect_all();
  const ConnectionId other = pool.in_state(sim::Model::State::leased).at(0);
  EXPECT_EQ(pool.run(other), Waiters({waiters[2], waiters[3]}));
  EXPECT_EQ(pool.accept(waiters[2]), other);
  pool.send_all(other);
  pool.answered(waiters[2]);
  pool.answered(waiters[3]);
  pool.release(other);
  EXPECT_EQ(pool.actions(), Actions{grant(lease, other)});
}

TEST_F(Saturated, a_driver_that_finds_its_connection_dead_waits_again_with_the_others) {
  const Waiters waiters = reads(2);
  begin();
  pool.lose(id);
  EXPECT_EQ(pool.stats().requests_waiting, 2U);
  EXPECT_EQ(pool.count(ActionKind::fail), 0U);
  pool.close_all();
  pool.connect_all();
  const ConnectionId other = pool.in_state(sim::Model::State::leased).at(0);
  EXPECT_EQ(pool.run(other), waiters);
  EXPECT_EQ(pool.accept(waiters[0]), other);
}

TEST(Sharing, what_goes_back_takes_an_idle_connection_at_once) {
  Script pool({.min_size = 2, .max_size = 2});
  pool.connect_all();
  const ConnectionId first = pool.lease();
  const ConnectionId second = pool.lease();
  const WaiterId waiter = pool.ask(a_read);
  pool.release(first);
  pool.accept(waiter);
  pool.release(second);
  EXPECT_EQ(pool.stats().pool_available, 1U);
  pool.release(first, Disposition::discard);
  EXPECT_EQ(pool.run(second), Waiters{waiter});
}

TEST_F(Saturated, close_lets_a_run_end_and_cut_ends_it) {
  const Waiters waiters = reads(3);
  begin();
  pool.send_next(id);
  pool.close();
  EXPECT_TRUE(pool.actions().empty()) << "leased connections are not closed";
  pool.cut();
  ASSERT_EQ(pool.count(ActionKind::fail), 3U);
  EXPECT_EQ(pool.actions()[0], fail(waiters[0], WaitError::lost));
  EXPECT_EQ(pool.actions()[1], fail(waiters[1], WaitError::closed));
  EXPECT_EQ(pool.actions()[2], fail(waiters[2], WaitError::closed));
  EXPECT_EQ(pool.send_next(id), std::nullopt);
  EXPECT_FALSE(pool.hand_on(id));
  EXPECT_FALSE(pool.release(id));
}

// --- slow ones apart

/// A pool whose connections are all leased, and that knows a slow text.
struct Slow {
  explicit Slow(std::uint32_t size) : pool({.min_size = size, .max_size = size, .num_workers = size}) {
    pool.connect_all();
    pool.answered(a_read, 100us);
    pool.answered(a_slow_read, 50ms);
    for (std::uint32_t i = 0; i < size; ++i) leased.push_back(pool.lease());
  }
  Script pool;
  std::vector<ConnectionId> leased;
};

TEST(SlowApart, a_slow_statement_travels_alone_and_ends_the_run_in_front_of_it) {
  Slow world(1);
  const Waiters waiters{world.pool.ask(a_read), world.pool.ask(a_slow_read), world.pool.ask(a_read)};
  world.pool.release(world.leased[0]);
  EXPECT_EQ(world.pool.run(world.leased[0]), Waiters{waiters[0]});
  world.pool.accept(waiters[0]);
  world.pool.send_all(world.leased[0]);
  world.pool.answered(waiters[0]);
  world.pool.release(world.leased[0]);
  EXPECT_EQ(world.pool.run(world.leased[0]), Waiters{waiters[1]});
  EXPECT_EQ(world.pool.stats().statements_isolated, 1U);
}

// 1 of 1 and of 2, 2 of 3, 3 of 4, then all but one up to 7, and all but two from 8 on.
TEST(SlowApart, slow_statements_leave_a_few_connections_to_the_others) {
  const std::vector<std::pair<std::uint32_t, std::uint32_t>> limits{{1, 1}, {2, 1}, {3, 2},  {4, 3},
                                                                    {7, 6}, {8, 6}, {10, 8}, {16, 14}};
  for (const auto& [size, limit] : limits) {
    Slow world(size);
    for (std::uint32_t i = 0; i < size; ++i) world.pool.ask(a_slow_read);
    const WaiterId lease = world.pool.wait();
    for (std::uint32_t i = 0; i < limit; ++i) {
      world.pool.release(world.leased[i]);
      EXPECT_EQ(world.pool.run(world.leased[i]).size(), 1U) << size;
    }
    if (size == 1) continue;
    world.pool.release(world.leased[limit]);
    EXPECT_EQ(world.pool.actions(), Actions{grant(lease, world.leased[limit])}) << size;
  }
}

TEST(SlowApart, slow_statements_that_are_held_back_go_as_soon_as_they_may_and_in_order) {
  Slow world(2);
  const Waiters slow{world.pool.ask(a_slow_read), world.pool.ask(a_slow_read), world.pool.ask(a_slow_read)};
  Waiters fast{world.pool.ask(a_read), world.pool.ask(a_read)};
  world.pool.release(world.leased[0]);
  EXPECT_EQ(world.pool.actions(), Actions{grant(slow[0], world.leased[0])});
  world.pool.release(world.leased[1]);
  EXPECT_EQ(world.pool.actions(), Actions{grant(fast[0], world.leased[1])});
  EXPECT_TRUE(world.pool.core().held_back(slow[1]));
  EXPECT_TRUE(world.pool.core().held_back(slow[2]));
  world.pool.accept(slow[0]);
  world.pool.send_all(world.leased[0]);
  world.pool.answered(slow[0], 50ms);
  world.pool.release(world.leased[0]);  // older than the other fast one
  EXPECT_EQ(world.pool.actions(), Actions{grant(slow[1], world.leased[0])});
}

TEST(SlowApart, those_that_are_held_back_travel_together_when_their_text_is_slow_no_more) {
  Slow world(2);
  const Waiters slow{world.pool.ask(a_slow_read), world.pool.ask(a_slow_read), world.pool.ask(a_slow_read)};
  const WaiterId fast = world.pool.ask(a_read);
  world.pool.release(world.leased[0]);
  world.pool.release(world.leased[1]);
  EXPECT_EQ(world.pool.run(world.leased[1]), Waiters{fast});
  EXPECT_TRUE(world.pool.core().held_back(slow[2]));
  for (int i = 0; i < 20; ++i) world.pool.answered(a_slow_read, 100us);
  world.pool.ask(a_read);
  world.pool.accept(fast);
  world.pool.send_all(world.leased[1]);
  world.pool.answered(fast);
  world.pool.release(world.leased[1]);
  EXPECT_EQ(world.pool.run(world.leased[1]), (Waiters{slow[1], slow[2]})) << "its share of three";
}

TEST(SlowApart, slow_statements_have_all_connections_when_nobody_else_waits) {
  Slow world(4);
  for (int i = 0; i < 5; ++i) world.pool.ask(a_slow_read);
  for (const ConnectionId id : world.leased) {
    world.pool.release(id);
    EXPECT_EQ(world.pool.run(id).size(), 1U);
  }
}

TEST(SlowApart, one_that_is_held_back_still_times_out_and_cancels) {
  Slow world(2);
  world.pool.ask(a_slow_read);
  const WaiterId hasty = world.pool.ask(a_slow_read, 10ms);
  const WaiterId other = world.pool.ask(a_slow_read);
  world.pool.wait();
  world.pool.release(world.leased[0]);
  world.pool.release(world.leased[1]);
  EXPECT_TRUE(world.pool.core().held_back(hasty));
  world.pool.pass(10ms);
  world.pool.tick();
  EXPECT_EQ(world.pool.actions(), Actions{fail(hasty, WaitError::timeout)});
  EXPECT_EQ(world.pool.cancel(other).kind, Cancelled::Kind::cancelled);
  EXPECT_EQ(world.pool.stats().requests_waiting, 0U);
}

TEST(SlowApart, a_slow_statement_that_found_an_idle_connection_counts) {
  Script pool({.min_size = 2, .max_size = 2});
  pool.connect_all();
  pool.answered(a_read, 100us);
  pool.answered(a_slow_read, 50ms);
  pool.acquire_statement(a_slow_read);
  const ConnectionId other = pool.lease();
  pool.ask(a_slow_read);
  const WaiterId fast = pool.ask(a_read);
  pool.release(other);
  EXPECT_EQ(pool.actions(), Actions{grant(fast, other)});
}

TEST(Sharing, is_not_for_statements_with_many_bytes_of_parameters) {
  EXPECT_EQ(kind_with(StatementKind::read, 64 << 10), StatementKind::read);
  EXPECT_EQ(kind_with(StatementKind::read, (64 << 10) + 1), StatementKind::alone);
  EXPECT_EQ(kind_with(StatementKind::last, (64 << 10) + 1), StatementKind::alone);
}

}  // namespace
}  // namespace copg::test
