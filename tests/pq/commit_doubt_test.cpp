// What another connection can tell of a lost COMMIT, against a real server; and what its answer means.
#include "pq/commit_doubt.hpp"

#include <gtest/gtest.h>

#include "pq/commit_question.hpp"
#include "pq/transaction_operation.hpp"
#include "session.hpp"
#include "support/counted_sockets.hpp"

namespace copg::test {
namespace {

using pq::CommitFate;
using pq::ServerIdentity;

const ServerIdentity identity{.system = "7", .timeline = "00000001", .started = "10", .statistics = "5"};

CommitFate fate_on(ServerIdentity now, std::string_view status) { return fate_of(identity, now, status); }

TEST(CommitFate, on_the_same_server_is_what_that_says) {
  EXPECT_EQ(fate_on(identity, "committed"), CommitFate::committed);
  EXPECT_EQ(fate_on(identity, "aborted"), CommitFate::rolled_back);
  EXPECT_EQ(fate_on(identity, "in progress"), CommitFate::undecided);
  EXPECT_EQ(fate_on(identity, "ahead"), CommitFate::undecided);
  EXPECT_EQ(fate_on(identity, ""), CommitFate::unknown) << "too long ago";
}

TEST(CommitFate, on_another_server_or_timeline_is_unknown) {
  for (ServerIdentity now : {ServerIdentity{"8", "00000001", "10", "5"}, {"7", "00000002", "10", "5"}}) {
    for (const char* status : {"committed", "aborted", "in progress", "ahead", ""})
      EXPECT_EQ(fate_on(now, status), CommitFate::unknown) << status;
  }
}

TEST(CommitFate, after_a_clean_restart_is_what_the_server_says_and_nothing_is_under_way) {
  const ServerIdentity now{"7", "00000001", "11", "5"};
  EXPECT_EQ(fate_on(now, "committed"), CommitFate::committed);
  EXPECT_EQ(fate_on(now, "aborted"), CommitFate::rolled_back);
  EXPECT_EQ(fate_on(now, "in progress"), CommitFate::rolled_back);
  EXPECT_EQ(fate_on(now, "ahead"), CommitFate::rolled_back);
}

TEST(CommitFate, after_a_crash_is_never_committed_since_another_may_have_the_number) {
  for (ServerIdentity now : {ServerIdentity{"7", "00000001", "10", "6"}, {"7", "00000001", "11", "6"}}) {
    EXPECT_EQ(fate_on(now, "committed"), CommitFate::unknown);
    EXPECT_EQ(fate_on(now, "aborted"), CommitFate::rolled_back);
  }
}

class CommitDoubt : public ::testing::Test {
 protected:
  CommitDoubt() : connection_(connect_identified()) {
    (void)execute(*connection_, "CREATE TABLE IF NOT EXISTS doubted (a int)");
  }
  static std::unique_ptr<pq::Connection> connect_identified(const Keywords& more = {}) {
    Keywords keywords = keywords_of(server());
    keywords.insert(keywords.end(), more.begin(), more.end());
    return connect({.keywords = keywords, .identify = true});
  }
  void begin(std::string_view sql = "INSERT INTO doubted VALUES (1)") {
    ASSERT_FALSE(execute(*connection_, sql, {}, pq::BeginFirst::yes).error);
  }
  /// Commits, and returns the number of the transaction if it was asked for and came.
  std::string commit() {
    pq::TransactionOperation operation(*connection_, pq::TransactionCommand::commit, ResolveCommits::always);
    run(operation);
    if (operation.error() != nullptr) return operation.error()->message;
    return operation.doubt() ? operation.doubt()->number : "";
  }
  CommitFate fate_of_number(const std::string& number, pq::Connection& asked) {
    const pq::CommitDoubt doubt{number, *connection_->identity()};
    pq::CommitQuestion question(asked, doubt, false);
    run(question);
    EXPECT_EQ(question.error(), nullptr) << question.error()->message;
    return question.fate();
  }
  pq::Connection& connection() { return *connection_; }

 private:
  std::unique_ptr<pq::Connection> connection_;
};

TEST_F(CommitDoubt, a_server_says_which_it_is_and_the_session_stays_clean) {
  ASSERT_NE(connection().identity(), nullptr);
  EXPECT_FALSE(connection().identity()->system.empty());
  EXPECT_EQ(connection().identity()->timeline.size(), 8U);
  const auto other = connect_identified({{"options", "-c TimeZone=Asia/Tokyo -c DateStyle=German"}});
  ASSERT_NE(other->identity(), nullptr);
  EXPECT_EQ(other->identity()->started, connection().identity()->started);
  EXPECT_EQ(other->identity()->statistics, connection().identity()->statistics);
  EXPECT_TRUE(other->clean());
  EXPECT_EQ(connect()->identity(), nullptr) << "not asked";
}

TEST_F(CommitDoubt, a_role_without_rights_can_be_told_as_well) {
  (void)execute(connection(), "DROP ROLE IF EXISTS nobody");
  ASSERT_FALSE(execute(connection(), "CREATE ROLE nobody LOGIN").error);
  const auto other = connect_identified({{"user", "nobody"}});
  ASSERT_NE(other->identity(), nullptr);
  begin();
  const std::string number = commit();
  EXPECT_EQ(fate_of_number(number, *other), CommitFate::committed);
}

TEST_F(CommitDoubt, the_number_travels_with_commit_in_one_flush) {
  for (int use = 1; use <= 4; ++use) {
    begin();
    const SocketCalls calls = socket_calls();
    const std::string number = commit();
    EXPECT_EQ((socket_calls() - calls).sends, 1) << use;
    ASSERT_FALSE(number.empty());
    EXPECT_EQ(fate_of_number(number, *connect()), CommitFate::committed);
    EXPECT_TRUE(connection().clean());
  }
}

TEST_F(CommitDoubt, a_transaction_that_only_reads_is_not_asked_for_its_number) {
  begin();
  ASSERT_NE(commit(), "");
  begin("SELECT count(*) FROM doubted");
  EXPECT_FALSE(connection().may_have_written());
  EXPECT_EQ(commit(), "");
}

TEST_F(CommitDoubt, another_connection_knows_each_fate) {
  begin();
  const std::string number = execute(connection(), "SELECT pg_current_xact_id()").text();
  const auto other = connect();
  EXPECT_EQ(fate_of_number(number, *other), CommitFate::undecided);
  EXPECT_EQ(fate_of_number(std::to_string(std::stoll(number) + 1000), *other), CommitFate::undecided);
  EXPECT_EQ(execute(connection(), "ROLLBACK").text(), "");
  EXPECT_EQ(fate_of_number(number, *other), CommitFate::rolled_back);
  EXPECT_EQ(fate_of_number("3", *other), CommitFate::unknown) << "too long ago";
}

TEST_F(CommitDoubt, a_question_that_is_refused_ends_the_transaction_and_says_why) {
  for (int use = 1; use <= 3; ++use) {  // until the question has a name
    begin();
    ASSERT_NE(commit(), "");
  }
  ASSERT_FALSE(execute(*connect(),
                       "DROP TABLE IF EXISTS forgetting; CREATE TABLE forgetting (a int); CREATE OR REPLACE "
                       "FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE "
                       "ALL'; RETURN NEW; END $$; CREATE TRIGGER forget BEFORE INSERT ON forgetting FOR EACH "
                       "ROW EXECUTE FUNCTION forget()")
                   .error);
  begin("INSERT INTO forgetting VALUES (7)");
  EXPECT_NE(commit().find("does not exist"), std::string::npos);
  EXPECT_TRUE(connection().alive());
  EXPECT_FALSE(connection().in_transaction());
  EXPECT_EQ(execute(connection(), "SELECT count(*) FROM forgetting").text(), "0");
  begin();
  EXPECT_NE(commit(), "");
}

TEST_F(CommitDoubt, a_failed_transaction_is_rolled_back_as_ever) {
  begin();
  EXPECT_EQ(execute(connection(), "SELECT 1/0").text(), "22012");
  EXPECT_NE(commit().find("rolled back"), std::string::npos);
  EXPECT_TRUE(connection().clean());
}

}  // namespace
}  // namespace copg::test
