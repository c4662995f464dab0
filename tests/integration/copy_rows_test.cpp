// COPY of rows, and a COPY that stays open between calls.
#include "integration/database_test.hpp"

#include <copg/copy.hpp>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace copg::test {
namespace {

class RowsCopied : public DatabaseTest {};
class OpenCopy : public DatabaseTest {};

struct Job {
  int id;
  std::optional<std::string> label;
};

using Bytes = std::vector<std::byte>;

std::string context_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const QueryFailed& error) {
    EXPECT_NE(std::string(error.what()).find(error.info().context), std::string::npos) << error.what();
    return error.info().context;
  }
  return "no error";
}

TEST_F(RowsCopied, tuples_structs_and_single_values_go_in_and_are_counted) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE jobs (id int PRIMARY KEY, label text)");
  EXPECT_EQ(db.copy_in("jobs", std::vector<Job>{{1, "one"}, {2, std::nullopt}}), 2);
  EXPECT_EQ(
      db.copy_in({"public.jobs", {"label", "id"}}, std::vector<std::tuple<std::string, int>>{{"three", 3}}),
      1);
  Connection conn = db.connection();
  std::vector<int> ids(1'000);
  std::iota(ids.begin(), ids.end(), 4);
  EXPECT_EQ(conn.copy_in({"jobs", {"id"}}, ids), 1'000);
  EXPECT_EQ(conn.within(std::chrono::seconds(10)).copy_in({"jobs", {"id"}}, std::vector<int>()), 0);
  conn.commit();
  EXPECT_EQ(db.fetch_val<std::string>(
                "SELECT string_agg(id || coalesce(label, '-'), ' ' ORDER BY id) FROM jobs WHERE id < 5"),
            "1one 2- 3three 4-");
  EXPECT_EQ(db.within(std::chrono::seconds(10)).copy_in("jobs", std::vector<Job>{{2'000, ""}}), 1);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM jobs"), 1'004);
}

TEST_F(RowsCopied, values_arrive_as_they_were_whatever_characters_they_hold) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE \"Odd \"\"t\"\".x\" (\"A b\" text, raw bytea, list text[])");
  const std::string odd = "\\N\t\\.\n\r\"',{}\x7f \xc3\xa4\\";
  const Bytes raw{std::byte{0}, std::byte{9}, std::byte{10}, std::byte{92}, std::byte{255}};
  const std::vector<std::string> list{odd, "", "\\"};
  using Row = std::tuple<std::string, Bytes, std::vector<std::string>>;
  EXPECT_EQ(db.copy_in({"\"Odd \"\"t\"\".x\"", {"A b", "raw", "list"}},
                       std::vector<Row>{{odd, raw, list}, {"", {}, {}}, {"\\.", {}, {}}}),
            3);
  const auto rows = db.fetch_all<Row>("SELECT * FROM \"Odd \"\"t\"\".x\"");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0], Row(odd, raw, list));
  EXPECT_EQ(rows[1], Row("", {}, {}));
  EXPECT_EQ(std::get<0>(rows[2]), "\\.");
}

TEST_F(RowsCopied, an_error_names_the_line_and_the_column_and_undoes_the_call) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE ids (id int)");
  const std::vector<std::string> rows{"1", "2", "three", "4"};
  EXPECT_EQ(context_of([&] { db.copy_in("ids", rows); }), "COPY ids, line 3, column id: \"three\"");
  EXPECT_EQ(context_of([&] {
              db.copy_in("ids", std::vector<std::tuple<int, int>>{{1, 2}});
            }),
            "COPY ids, line 1: \"1\t2\"");
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM ids"), 0);
}

TEST_F(RowsCopied, a_value_that_cannot_be_sent_is_told_with_its_row) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE texts (x text)");
  try {
    db.copy_in("texts", std::vector<std::string>{"a", std::string("b\0c", 3)});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.info().row_index, 1);
  }
  EXPECT_THROW(db.copy_in("texts", std::vector<std::string>{"a", "\xff"}), QueryFailed);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM texts"), 0);
}

TEST_F(RowsCopied, a_name_that_is_none_is_a_usage_error) {
  PooledDatabase db = open();
  const std::vector<int> rows{1};
  EXPECT_THROW(db.copy_in("", rows), UsageError);
  EXPECT_THROW(db.copy_in("a.", rows), UsageError);
  EXPECT_THROW(db.copy_in("\"a", rows), UsageError);
  EXPECT_THROW(db.copy_in("\"a\"b", rows), UsageError);
  EXPECT_THROW(db.copy_in({"a", {""}}, rows), UsageError);
  EXPECT_THROW(db.copy_in(std::string("a\0b", 3), rows), UsageError);
}

TEST_F(OpenCopy, takes_pieces_and_rows_and_counts_them_at_the_end) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE open_in (id int, label text)");
  Connection conn = db.connection();
  Copy copy = conn.copy("COPY open_in FROM STDIN");
  copy.write("1\to");
  copy.write("ne\n");
  for (int i = 2; i <= 50'000; ++i) copy.write_row(std::tuple(i, "\t"));
  copy.write("50001\tlast\n");
  EXPECT_EQ(copy.finish(), 50'001);
  EXPECT_EQ(copy.finish(), 50'001);
  EXPECT_THROW(copy.write("1\tx\n"), UsageError);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
  EXPECT_EQ(conn.fetch_val<int>("SELECT count(*)::int FROM open_in WHERE label = E'\\t'"), 49'999);
}

TEST_F(OpenCopy, is_read_to_its_end_in_pieces_of_bounded_size) {
  PooledDatabase db = open();
  Connection conn = db.connection();
  Copy copy = conn.copy("COPY (SELECT generate_series(1, 200000)) TO STDOUT");
  std::size_t bytes = 0;
  std::string last;
  while (true) {
    const std::string_view piece = copy.read();
    if (piece.empty()) break;
    EXPECT_LE(piece.size(), 64u * 1024 + 8);
    EXPECT_EQ(piece.back(), '\n');
    bytes += piece.size();
    last = piece.substr(piece.size() - std::min<std::size_t>(7, piece.size()));
  }
  EXPECT_EQ(bytes, 1'288'895u);
  EXPECT_EQ(last, "200000\n");
  EXPECT_EQ(copy.finish(), 200'000);
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(OpenCopy, that_is_left_leaves_nothing_and_a_usable_connection) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE left_in (id int)");
  Connection conn = db.connection();
  {
    Copy copy = conn.copy("COPY left_in FROM STDIN"), moved = std::move(copy);
    moved.write("1\n");
  }
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
  conn.rollback();
  conn.autocommit(true);
  {
    Copy copy = conn.copy("COPY left_in FROM STDIN");
    copy.write_row(1);
  }
  EXPECT_EQ(conn.fetch_val<int>("SELECT count(*)::int FROM left_in"), 0);
  {
    Copy copy = conn.copy("COPY (SELECT generate_series(1, 100000000)) TO STDOUT");
    EXPECT_FALSE(copy.read().empty());
  }
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  Copy copy = conn.copy("COPY left_in FROM STDIN");
  copy.write("1\n");
  copy.cancel();
  copy.cancel();
  EXPECT_EQ(copy.finish(), 0);
  EXPECT_EQ(conn.fetch_val<int>("SELECT count(*)::int FROM left_in"), 0);
}

TEST_F(OpenCopy, keeps_other_calls_off_its_connection_and_says_so) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE busy_in (id int)");
  Connection conn = db.connection();
  Copy copy = conn.copy("COPY busy_in FROM STDIN");
  const auto says = [](const auto& call) {
    try {
      call();
    } catch (const UsageError& error) {
      return std::string(error.what()).find("a COPY is open on the connection") != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(says([&] { conn.execute("SELECT 1"); }));
  EXPECT_TRUE(says([&] { Copy second = conn.copy("COPY busy_in FROM STDIN"); }));
  EXPECT_TRUE(says([&] { conn.copy_in("busy_in", std::vector<int>{1}); }));
  EXPECT_TRUE(says([&] { conn.commit(); }));
  copy.write_row(7);
  EXPECT_EQ(copy.finish(), 1);
  conn.commit();
  EXPECT_EQ(db.fetch_val<int>("SELECT id FROM busy_in"), 7);
}

TEST_F(OpenCopy, says_no_to_the_wrong_direction_and_to_what_is_no_copy) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE wrong_in (id int)");
  Connection conn = db.connection();
  EXPECT_THROW(static_cast<void>(conn.copy("SELECT 1")), UsageError);
  EXPECT_THROW(static_cast<void>(conn.copy("COPY wrong_in FROM STDIN; SELECT 1")), UsageError);
  EXPECT_THROW(static_cast<void>(conn.copy("COPY nowhere FROM STDIN")), QueryFailed);
  conn.rollback();
  {
    Copy in = conn.copy("COPY wrong_in FROM STDIN");
    EXPECT_THROW(static_cast<void>(in.read()), UsageError);
    EXPECT_EQ(in.finish(), 0);
  }
  Copy out = conn.copy("COPY wrong_in TO STDOUT");
  EXPECT_THROW(out.write("1\n"), UsageError);
  EXPECT_EQ(out.read(), "");
}

TEST_F(OpenCopy, tells_of_a_bad_row_at_the_end_and_counts_nothing) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE bad_in (id int)");
  Connection conn = db.connection();
  Copy copy = conn.copy("COPY bad_in FROM STDIN");
  copy.write("1\nx\n");
  EXPECT_EQ(context_of([&] { copy.finish(); }), "COPY bad_in, line 2, column id: \"x\"");
  EXPECT_THROW(copy.finish(), UsageError);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
}

TEST_F(OpenCopy, whose_lease_ends_is_reset_and_touches_the_connection_no_more) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE ended_in (id int)");
  Connection conn = db.connection();
  Copy copy = conn.copy("COPY ended_in FROM STDIN");
  copy.write("1\n");
  conn.release();
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM ended_in"), 0);
  EXPECT_THROW(copy.write("2\n"), UsageError);
  conn = db.connection();
  Copy other = conn.copy("COPY ended_in FROM STDIN");
  EXPECT_THROW(copy.write("2\n"), UsageError);
  copy.cancel();
  other.write("3\n");
  EXPECT_EQ(other.finish(), 1);
}

TEST_F(OpenCopy, whose_server_process_is_killed_is_a_lost_connection) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE killed_in (id int)");
  {
    Connection conn = db.connection();
    Copy copy = conn.copy("COPY killed_in FROM STDIN");
    copy.write("1\n");
    db.execute("SELECT pg_terminate_backend($1)", conn.backend_pid());
    EXPECT_THROW(
        {
          for (int i = 0; i < 10'000; ++i) copy.write(std::string(8192, '1') + '\n');
          copy.finish();
        },
        ConnectionFailed);
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM killed_in"), 0);
}

TEST_F(OpenCopy, ends_by_its_deadline_when_the_server_does_not_take_the_data) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE locked_in (id int)");
  Connection locker = db.connection();
  locker.execute("LOCK TABLE locked_in IN ACCESS EXCLUSIVE MODE");
  Connection conn = db.connection();
  EXPECT_THROW(static_cast<void>(conn.within(200ms).copy("COPY locked_in FROM STDIN")), QueryTimeout);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::busy);
}

}  // namespace
}  // namespace copg::test
