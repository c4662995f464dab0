// COPY through a lease.
#include "integration/database_test.hpp"

#include <string_view>

namespace copg::test {
namespace {

class CopyCalls : public DatabaseTest {};

class Lines final : public CopySource {
 public:
  explicit Lines(int count) : count_(count) {}
  std::string_view next() override {
    if (at_ == count_) return {};
    line_ = std::to_string(at_++) + "\tline\n";
    return line_;
  }

 private:
  int count_;
  int at_ = 0;
  std::string line_;
};

class Text final : public CopySink {
 public:
  void take(std::string_view piece) override { text += piece; }
  std::string text;
};

struct Mine {};

class ThrowingSource final : public CopySource {
 public:
  std::string_view next() override {
    if (++calls_ > 3) throw Mine();
    return "1\tx\n";
  }

 private:
  int calls_ = 0;
};

class ThrowingSink final : public CopySink {
 public:
  void take(std::string_view) override { throw Mine(); }
};

TEST_F(CopyCalls, goes_in_and_out_with_the_number_of_rows) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE copied (x int, label text)");
  Connection conn = db.connection();
  Lines lines(50'000);
  EXPECT_EQ(conn.copy_in("COPY copied FROM STDIN", lines), 50'000);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
  Text text;
  EXPECT_EQ(conn.copy_out("COPY (SELECT x FROM copied ORDER BY x LIMIT 3) TO STDOUT", text), 3);
  EXPECT_EQ(text.text, "0\n1\n2\n");
  conn.commit();
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM copied"), 50'000);
}

TEST_F(CopyCalls, what_its_source_throws_reaches_the_caller_and_nothing_is_copied) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE not_copied (x int, label text)");
  Connection conn = db.connection();
  ThrowingSource source;
  EXPECT_THROW(conn.copy_in("COPY not_copied FROM STDIN", source), Mine);
  conn.rollback();
  EXPECT_EQ(conn.fetch_val<int>("SELECT count(*)::int FROM not_copied"), 0);
}

TEST_F(CopyCalls, what_its_sink_throws_reaches_the_caller_and_the_pool_goes_on) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  {
    Connection conn = db.connection();
    ThrowingSink sink;
    EXPECT_THROW(conn.copy_out("COPY (SELECT generate_series(1, 1000000)) TO STDOUT", sink), Mine);
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(CopyCalls, bad_data_is_the_servers_error_and_the_lease_goes_on_after_a_rollback) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE numbers (x int)");
  Connection conn = db.connection();
  Lines lines(10);
  EXPECT_THROW(conn.copy_in("COPY numbers FROM STDIN", lines), QueryFailed);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
  conn.rollback();
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(CopyCalls, a_copy_given_to_execute_is_a_usage_error_and_hurts_nobody) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  EXPECT_THROW(db.execute("COPY (SELECT 1) TO STDOUT"), UsageError);
  db.execute("CREATE TABLE refused (x int)");
  EXPECT_THROW(db.execute("COPY refused FROM STDIN"), UsageError);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

}  // namespace
}  // namespace copg::test
