// A call of an event loop, step by step: where a grant, a cancellation, a deadline and the end of the loop
// meet, in every order that a loop can bring about.
#include "engine/calls/event_call.hpp"

#include <gtest/gtest.h>
#include <copg/config.hpp>
#include <copg/detail/request.hpp>
#include <copg/error.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/calls/event_kinds.hpp"
#include "support/eventually.hpp"
#include "support/virtual_loop.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;

constexpr engine::Duration long_enough = 30s;

std::string what(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
    return "";
  } catch (const std::exception& raised) {
    return raised.what();
  }
}

// --- the machine alone, with a queue that the test plays

class ScriptedCall final : public VirtualCall {
 public:
  explicit ScriptedCall(VirtualLoop* loop) : VirtualCall(loop, long_enough, engine::LeaseUse::none) {}
  ~ScriptedCall() override { let_go(); }

  std::function<void()> in_begin = [] {};
  std::function<void()> in_unsent = [] {};
  bool sent = false;
  int taken = 0;
  int left = 0;
  int given_back = 0;
  using VirtualCall::wake;

 private:
  Progress begin(engine::TimePoint /*time*/, engine::TimePoint /*deadline*/) override {
    in_begin();
    return Progress::queued;
  }
  Progress granted(engine::TimePoint /*time*/) override { return Progress::done; }
  void take_result() override { ++taken; }
  void dequeue() noexcept override { ++left; }
  bool dequeue_unsent() noexcept override {
    in_unsent();
    if (sent) return false;
    return dequeue(), true;
  }
  void give_back() noexcept override { ++given_back; }
};

class Machine : public ::testing::Test {
 protected:
  // Nothing listens there.
  const std::shared_ptr<engine::PoolEngine> engine_ =
      engine::PoolEngine::create({.host = "127.0.0.1", .port = 1}, {.min_size = 0}, nullptr);
  VirtualLoop loop_{*engine_};
  ScriptedCall call_{&loop_};
};

TEST_F(Machine, goes_on_once_it_is_woken) {
  call_.start();
  EXPECT_FALSE(call_.has_ended());
  call_.wake();
  loop_.proceed();
  EXPECT_EQ(call_.ends(), 1);
  EXPECT_EQ(call_.taken, 1);
  EXPECT_EQ(call_.left, 0);
  EXPECT_EQ(call_.given_back, 1);
}

TEST_F(Machine, does_not_miss_what_comes_before_it_rests) {
  call_.in_begin = [this] {
    call_.wake();
    loop_.proceed();  // another thread of the loop was faster
  };
  call_.start();
  EXPECT_FALSE(call_.has_ended());
  loop_.proceed();
  EXPECT_EQ(call_.taken, 1);
}

TEST_F(Machine, that_is_cancelled_after_its_grant_gives_it_up) {
  call_.start();
  call_.wake();  // granted
  call_.cancel();
  loop_.proceed();
  EXPECT_EQ(call_.ends(), 1);
  EXPECT_NE(what(call_.error()).find("cancelled"), std::string::npos);
  EXPECT_EQ(call_.taken, 0);
  EXPECT_GE(call_.left, 1);
}

TEST_F(Machine, that_is_cancelled_inside_a_step_ends_after_it) {
  call_.in_begin = [this] { call_.cancel(); };
  call_.start();
  EXPECT_EQ(call_.ends(), 1);
  EXPECT_GE(call_.left, 1);
}

TEST_F(Machine, ends_once_however_often_it_is_told) {
  call_.start();
  call_.cancel();
  call_.cancel();
  call_.wake();
  loop_.proceed();
  call_.cancel();
  call_.wake();
  loop_.proceed();
  EXPECT_EQ(call_.ends(), 1);
  EXPECT_EQ(call_.given_back, 1);
}

TEST_F(Machine, that_asks_for_no_effect_stays_once_it_was_sent) {
  call_.sent = true;
  call_.start();
  call_.cancel_unsent();
  EXPECT_EQ(loop_.woken(), 0U);
  call_.wake();
  loop_.proceed();
  EXPECT_EQ(call_.taken, 1);
}

TEST_F(Machine, that_asks_for_no_effect_leaves_before_it_was_sent) {
  call_.start();
  call_.cancel_unsent();
  loop_.proceed();
  EXPECT_EQ(call_.ends(), 1);
  EXPECT_EQ(call_.taken, 0);
}

TEST_F(Machine, does_not_miss_a_grant_while_the_engine_is_asked_whether_it_was_sent) {
  call_.sent = true;
  call_.in_unsent = [this] {
    call_.wake();
    loop_.proceed();
    EXPECT_FALSE(call_.has_ended());
  };
  call_.start();
  call_.cancel_unsent();
  loop_.proceed();
  EXPECT_EQ(call_.taken, 1);
}

TEST_F(Machine, ends_when_it_is_cancelled_outright_while_the_engine_is_asked) {
  call_.sent = true;
  call_.in_unsent = [this] { call_.cancel(); };
  call_.start();
  call_.cancel_unsent();
  loop_.proceed();
  EXPECT_EQ(call_.ends(), 1);
  EXPECT_EQ(call_.taken, 0);
  EXPECT_GE(call_.left, 1);
}

TEST_F(Machine, never_ends_once_its_loop_has_gone_away) {
  call_.start();
  call_.lose_loop();
  call_.wake();
  loop_.proceed();
  EXPECT_EQ(call_.ends(), 0);
  EXPECT_EQ(call_.left, 1);
}

TEST_F(Machine, that_is_dropped_lets_go_of_everything_and_tells_nobody) {
  call_.start();
  call_.let_go();
  call_.wake();
  loop_.proceed();
  EXPECT_EQ(call_.ends(), 0);
  EXPECT_EQ(call_.left, 1);
  EXPECT_EQ(call_.given_back, 1);
}

// --- with the engine, and a server

class Statement final : public engine::StatementKind<VirtualCall> {
 public:
  Statement(VirtualLoop* loop, const char* sql, engine::Duration timeout = long_enough)
      : StatementKind(loop, timeout), request_(detail::make_request(Sql(sql))) {}
  ~Statement() override { let_go(); }
  [[nodiscard]] std::string value() { return std::string(std::get<0>(results())[0][0].text()); }

 private:
  Progress begin(engine::TimePoint time, engine::TimePoint deadline) override {
    return begin_with(request_->sql(), engine::known_text(request_->sql()), *request_, time, deadline,
                      request_->where());
  }
  std::unique_ptr<detail::Request> lend() override { return std::move(request_); }
  void take_back(std::unique_ptr<detail::Request> request) noexcept override {
    request_ = std::move(request);
  }

  std::unique_ptr<detail::Request> request_;
};

class Leasing final : public engine::LeaseKind<VirtualCall> {
 public:
  explicit Leasing(VirtualLoop* loop) : LeaseKind(loop, long_enough, SourceLocation::current()) {}
  ~Leasing() override {
    let_go();
    release();
  }
  void release() noexcept { engine().leases().release(lease_); }

 private:
  engine::Lease& lease() noexcept override { return lease_; }
  void take_result() override {}
  void give_back() noexcept override {}

  engine::Lease lease_;
};

class Watching final : public engine::PoolWaitKind<VirtualCall> {
 public:
  Watching(VirtualLoop* loop, engine::Milestone milestone) : PoolWaitKind(loop, long_enough, milestone) {}
  ~Watching() override { let_go(); }
};

/// A pool of one connection.
class EventCalls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<testing::ThrowawayPostgres>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    engine_->open();
    Watching full(&loop_, engine::Milestone::full);
    full.start();
    ASSERT_TRUE(loop_.run(full));
    ASSERT_EQ(what(full.error()), "");
  }
  void TearDown() override { engine_->close(0s); }

  /// Nobody has the connection, nobody waits for it, and it serves.
  void expect_rest() {
    EXPECT_TRUE(eventually([this] {
      const PoolStats stats = engine_->stats();
      return stats.leased == 0 && stats.requests_waiting == 0 && stats.pool_available == stats.pool_size;
    }));
    Statement call(&loop_, "SELECT 'served'");
    call.start();
    ASSERT_TRUE(loop_.run(call));
    EXPECT_EQ(what(call.error()), "");
    EXPECT_EQ(call.value(), "served");
  }

  static inline std::unique_ptr<testing::ThrowawayPostgres> server_;
  const std::shared_ptr<engine::PoolEngine> engine_ =
      engine::PoolEngine::create(Config::from_url(server_->url()), {.min_size = 1, .max_size = 1}, nullptr);
  VirtualLoop loop_{*engine_};
};

TEST_F(EventCalls, wait_for_their_answer) {
  Statement call(&loop_, "SELECT 'here'");
  call.start();
  EXPECT_TRUE(call.watched());
  ASSERT_TRUE(loop_.run(call));
  EXPECT_EQ(call.value(), "here");
  expect_rest();
}

TEST_F(EventCalls, wait_for_a_connection) {
  Leasing holder(&loop_);
  holder.start();
  ASSERT_TRUE(holder.has_ended());
  Statement call(&loop_, "SELECT 'after'");
  call.start();
  loop_.proceed();
  EXPECT_FALSE(call.has_ended() || call.watched());
  holder.release();
  EXPECT_EQ(loop_.woken(), 1U);
  ASSERT_TRUE(loop_.run(call));
  EXPECT_EQ(call.value(), "after");
  expect_rest();
}

TEST_F(EventCalls, that_are_cancelled_between_the_grant_and_its_acceptance_give_the_connection_back) {
  Leasing holder(&loop_);
  holder.start();
  Statement call(&loop_, "SELECT 1");
  call.start();
  holder.release();
  call.cancel();
  loop_.proceed();
  EXPECT_NE(what(call.error()).find("cancelled"), std::string::npos);
  expect_rest();
}

TEST_F(EventCalls, that_are_cancelled_in_the_queue_leave_it_before_their_loop_goes_on) {
  Leasing holder(&loop_);
  holder.start();
  Statement call(&loop_, "SELECT 1");
  call.start();
  EXPECT_EQ(engine_->stats().requests_waiting, 1U);
  call.cancel();
  EXPECT_EQ(engine_->stats().requests_waiting, 0U);
  loop_.proceed();
  EXPECT_TRUE(call.has_ended());
  holder.release();
  expect_rest();
}

TEST_F(EventCalls, that_are_dropped_between_the_grant_and_its_acceptance_give_the_connection_back) {
  Leasing holder(&loop_);
  holder.start();
  {
    Statement call(&loop_, "SELECT 1");
    call.start();
    holder.release();
  }
  expect_rest();
}

TEST_F(EventCalls, that_lose_their_loop_leave_the_queue) {
  Leasing holder(&loop_);
  holder.start();
  Statement call(&loop_, "SELECT 1");
  call.start();
  call.lose_loop();
  holder.release();
  EXPECT_EQ(loop_.woken(), 0U);
  expect_rest();
}

TEST_F(EventCalls, that_are_cancelled_at_the_server_leave_a_clean_connection) {
  Statement call(&loop_, "SELECT pg_sleep(60)");
  call.start();
  ASSERT_TRUE(call.watched());
  call.cancel();
  EXPECT_FALSE(call.has_ended());
  loop_.proceed();
  EXPECT_NE(what(call.error()).find("cancelled"), std::string::npos);
  EXPECT_FALSE(call.watched());
  expect_rest();
}

TEST_F(EventCalls, that_ask_for_no_effect_are_not_cancelled_at_the_server) {
  Statement call(&loop_, "SELECT pg_sleep(0.01), 'done'");
  call.start();
  call.cancel_unsent();
  ASSERT_TRUE(loop_.run(call));
  EXPECT_EQ(what(call.error()), "");
}

TEST_F(EventCalls, are_told_of_their_deadline) {
  Statement call(&loop_, "SELECT pg_sleep(60)", 1s);
  call.start_late(1s - 10ms);
  ASSERT_TRUE(call.watched());
  ASSERT_TRUE(loop_.run(call));
  EXPECT_THROW(std::rethrow_exception(call.error()), QueryTimeout);
  expect_rest();
}

TEST_F(EventCalls, are_told_that_the_pool_was_closed) {
  Statement call(&loop_, "SELECT pg_sleep(60)");
  call.start();
  engine_->start_close(0s);
  ASSERT_TRUE(loop_.run(call));
  EXPECT_THROW(std::rethrow_exception(call.error()), PoolClosed);
}

TEST_F(EventCalls, whose_answer_and_cancellation_come_together_end_once) {
  Statement call(&loop_, "SELECT 1");
  call.start();
  call.cancel();
  loop_.report(20000);
  loop_.proceed();
  EXPECT_EQ(call.ends(), 1);
  expect_rest();
}

TEST_F(EventCalls, travel_together_and_each_gets_its_own_answer) {
  Leasing holder(&loop_);
  holder.start();
  Statement first(&loop_, "SELECT 'first'");
  Statement second(&loop_, "SELECT 'second'");
  first.start();
  second.start();
  holder.release();
  ASSERT_TRUE(loop_.run(first));
  ASSERT_TRUE(loop_.run(second));
  EXPECT_EQ(first.value(), "first");
  EXPECT_EQ(second.value(), "second");
  expect_rest();
}

}  // namespace
}  // namespace copg::test
