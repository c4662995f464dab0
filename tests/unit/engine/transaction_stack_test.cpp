// What the transactions that are open on a connection mean for what is sent next.
#include "engine/calls/transaction_stack.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace copg::engine {
namespace {

using Status = TransactionStatus;

auto is(Status status) {
  return [status] { return status; };
}
Status not_to_be_asked() { throw std::logic_error("the connection was asked for its status"); }

struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(TransactionStack, sends_nothing_for_the_first_transaction_of_an_idle_connection) {
  EXPECT_EQ(TransactionStack().next_savepoint(is(Status::idle)), 0);
}

TEST(TransactionStack, makes_a_savepoint_where_a_statement_has_begun_a_transaction) {
  EXPECT_EQ(TransactionStack().next_savepoint(is(Status::in_transaction)), 1);
  EXPECT_EQ(begin_savepoint(1), "SAVEPOINT copg_1");
}

TEST(TransactionStack, numbers_the_savepoints_by_their_depth) {
  const TransactionStack stack{.depth = 2};
  EXPECT_EQ(stack.next_savepoint(not_to_be_asked), 3);
}

TEST(TransactionStack, ends_a_savepoint_without_leaving_it_behind) {
  EXPECT_EQ(end_savepoint(2, true), "RELEASE SAVEPOINT copg_2");
  EXPECT_EQ(end_savepoint(2, false), "ROLLBACK TO SAVEPOINT copg_2; RELEASE SAVEPOINT copg_2");
}

TEST(TransactionStack, counts_the_end_of_a_transaction_once_whatever_follows_it) {
  TransactionStack stack{.depth = 3};
  stack.depth = stack.depth_after(3);
  EXPECT_EQ(stack.depth, 2);
  EXPECT_EQ(stack.depth_after(3), 2) << "a rollback after a commit in vain";
  EXPECT_EQ(stack.depth_after(0), 0) << "the outermost takes those inside it along";
  EXPECT_EQ(TransactionStack{.depth = 1}.depth_after(1), 0) << "a savepoint in a statement's transaction";
}

TEST(TransactionStack, sends_begin_with_a_statement_that_is_to_be_part_of_a_transaction) {
  const TransactionStack of_the_standard{};
  EXPECT_EQ(of_the_standard.begin_first(false), pq::BeginFirst::yes);
  EXPECT_EQ(of_the_standard.begin_first(true), pq::BeginFirst::no);
  const TransactionStack autocommit{.autocommit = true};
  EXPECT_EQ(autocommit.begin_first(false), pq::BeginFirst::no);
  const TransactionStack inside{.autocommit = true, .depth = 1};
  EXPECT_EQ(inside.begin_first(false), pq::BeginFirst::yes);
  EXPECT_EQ(inside.begin_first(true), pq::BeginFirst::no);
}

TEST(TransactionStack, begins_with_the_options_of_the_outermost_transaction_and_only_while_it_is_open) {
  const auto options = beginning_with({.isolation = Isolation::repeatable_read,
                                       .read_only = true,
                                       .deferrable = true,
                                       .settings = {{"a.b", "1"}},
                                       .role = "c"},
                                      ResolveCommits::never);
  TransactionStack stack{.depth = 1, .beginning = &options->beginning()};
  const pq::BeginFirst begin = stack.begin_first(false);
  ASSERT_TRUE(begin);
  EXPECT_STREQ(begin->command, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY DEFERRABLE");
  EXPECT_TRUE(begin->read_only);
  ASSERT_NE(begin->settings, nullptr);
  EXPECT_EQ(begin->settings->sql,
            "SELECT pg_catalog.set_config($1, $2, true), pg_catalog.set_config($3, $4, true)");
  EXPECT_TRUE(begin->settings->changes_names);
  EXPECT_EQ(stack.begin_first(true), pq::BeginFirst::no);
  stack.depth = 0;
  EXPECT_EQ(stack.begin_first(false), pq::BeginFirst::yes);
}

TEST(TransactionStack, sends_no_settings_where_there_are_none) {
  const auto options = beginning_with({.isolation = Isolation::serializable}, ResolveCommits::never);
  EXPECT_STREQ(options->beginning().command, "BEGIN ISOLATION LEVEL SERIALIZABLE");
  EXPECT_EQ(options->beginning().settings, nullptr);
  EXPECT_THROW((void)beginning_with({.isolation = static_cast<Isolation>(9)}, ResolveCommits::never),
               UsageError);
  EXPECT_FALSE(beginning_with({.settings = {{"work_mem", "1MB"}}}, ResolveCommits::never)
                   ->beginning()
                   .settings->changes_names);
}

TEST(TransactionStack, resolves_a_commit_only_in_a_pool_that_can) {
  EXPECT_THROW((void)beginning_with({.resolve_commit = true}, ResolveCommits::never), UsageError);
  EXPECT_EQ(beginning_with({.resolve_commit = true}, ResolveCommits::on_request)->beginning().resolve_commit,
            true);
  EXPECT_EQ(beginning_with({.resolve_commit = false}, ResolveCommits::never)->beginning().resolve_commit,
            false);
}

TEST(SavepointOptions, refuse_what_only_the_outermost_transaction_can_have) {
  EXPECT_THROW(SavepointOptions({.isolation = Isolation::read_committed}), UsageError);
  EXPECT_THROW(SavepointOptions({.deferrable = true}), UsageError);
  EXPECT_THROW(SavepointOptions({.resolve_commit = false}), UsageError);
  EXPECT_TRUE(SavepointOptions(TransactionOptions()).empty());
}

TEST(TransactionStack, refuses_to_change_autocommit_inside_a_transaction) {
  EXPECT_NO_THROW(TransactionStack().require_autocommit_change<Refusal>(is(Status::idle)));
  for (const Status status : {Status::in_transaction, Status::failed, Status::busy, Status::unknown})
    EXPECT_THROW(TransactionStack().require_autocommit_change<Refusal>(is(status)), Refusal);
  const TransactionStack inside{.depth = 1};
  EXPECT_THROW(inside.require_autocommit_change<Refusal>(not_to_be_asked), Refusal);
}

}  // namespace
}  // namespace copg::engine
