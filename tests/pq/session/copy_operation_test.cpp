// COPY in both directions, its errors at every stage, and what is left of the connection afterwards. Real
// server.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "pq/copy_in_operation.hpp"
#include "pq/copy_out_operation.hpp"
#include "pq/session/peak_memory.hpp"
#include "pq/session/session.hpp"
#include "support/counted_sockets.hpp"

namespace copg::pq {
namespace {

using test::connect;
using test::run;
using test::say;
using namespace std::chrono_literals;

class Source : public CopySource {
 public:
  explicit Source(std::function<std::string(int)> piece) : piece_(std::move(piece)) {}
  std::string_view next() override {
    last_ = piece_(calls_++);
    return last_;
  }

 private:
  std::function<std::string(int)> piece_;
  std::string last_;
  int calls_ = 0;
};

// The rows 0, 1, ... below `count`, one per piece.
Source numbers(int count) {
  return Source([count](int i) { return i < count ? std::to_string(i) + "\n" : ""; });
}

class Sink : public CopySink {
 public:
  void take(std::string_view piece) override { text += piece; }
  std::string text;
};

class Copy : public ::testing::Test {
 protected:
  void SetUp() override {
    say(*connection, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (n int UNIQUE)");
  }
  std::string count() { return say(*observer, "SELECT count(*) FROM copied"); }
  void expect_usable() {
    EXPECT_TRUE(connection->protocol_idle());
    EXPECT_EQ(say(*connection, "SELECT 'served'"), "served");
  }

  std::unique_ptr<Connection> connection = connect();
  std::unique_ptr<Connection> observer = connect();
};

TEST_F(Copy, in_stores_every_row_that_the_source_gives) {
  Source source = numbers(100'000);
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
  run(copy);
  ASSERT_EQ(copy.error(), nullptr) << copy.error()->message;
  EXPECT_EQ(copy.rows_copied(), 100'000);
  EXPECT_EQ(count(), "100000");
  EXPECT_TRUE(connection->clean());
}

TEST_F(Copy, in_goes_on_when_the_server_has_made_room_between_two_looks) {
  // A piece is as large as a flush: libpq tries to send it, then the operation does, and both in vain.
  Source source([](int i) {
    if (i == 3) test::refuse_sends(2);
    return i < 6 ? std::string(std::size_t{1} << 16, '0') + "1\n" : "";
  });
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
  say(*connection, "DROP TABLE copied; CREATE TABLE copied (n text)");
  run(copy);
  ASSERT_EQ(copy.error(), nullptr) << copy.error()->message;
  EXPECT_EQ(copy.rows_copied(), 6);
}

TEST_F(Copy, in_takes_pieces_cut_anywhere_and_of_any_size) {
  Source bytes([data = std::string("11\n222\n3")](int i) {
    return static_cast<std::size_t>(i) < data.size() ? data.substr(static_cast<std::size_t>(i), 1) : "";
  });
  CopyInOperation byte_by_byte(*connection, "COPY copied FROM STDIN", bytes);
  run(byte_by_byte);
  EXPECT_EQ(byte_by_byte.rows_copied(), 3);

  std::string big;
  for (int i = 1000; i < 500'000; ++i) big += std::to_string(i) + "\n";
  Source at_once([&big](int i) { return i == 0 ? big : ""; });
  CopyInOperation all_in_one(*connection, "COPY copied FROM STDIN", at_once);
  run(all_in_one, 30s);
  EXPECT_EQ(all_in_one.rows_copied(), 499'000);
}

TEST_F(Copy, in_of_nothing_stores_nothing) {
  Source source = numbers(0);
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
  run(copy);
  EXPECT_EQ(copy.error(), nullptr);
  EXPECT_EQ(copy.rows_copied(), 0);
  expect_usable();
}

// B33
TEST_F(Copy, in_reports_the_server_s_error_at_a_row_while_more_is_still_being_sent) {
  Source source([](int i) -> std::string {
    if (i == 1000) return "not a number\n";
    return i < 300'000 ? std::to_string(i) + "\n" : "";
  });
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
  run(copy);
  ASSERT_NE(copy.error(), nullptr);
  EXPECT_EQ(copy.error()->sqlstate.text(), "22P02");
  EXPECT_EQ(copy.error()->context, "COPY copied, line 1001, column n: \"not a number\"");
  EXPECT_TRUE(copy.error()->connection_survives);
  EXPECT_EQ(count(), "0");
  expect_usable();
}

TEST_F(Copy, in_within_a_transaction_begins_it_and_an_error_leaves_it_failed) {
  Source good = numbers(10);
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", good, BeginFirst::yes);
  run(copy);
  ASSERT_EQ(copy.error(), nullptr);
  EXPECT_TRUE(connection->in_transaction());
  EXPECT_EQ(count(), "0") << "not committed yet";
  Source again = numbers(10);
  CopyInOperation duplicate(*connection, "COPY copied FROM STDIN", again);
  run(duplicate);
  ASSERT_NE(duplicate.error(), nullptr);
  EXPECT_EQ(duplicate.error()->sqlstate.text(), "23505");
  EXPECT_TRUE(connection->in_failed_transaction());
  say(*connection, "ROLLBACK");
  EXPECT_EQ(count(), "0");
}

TEST_F(Copy, in_whose_source_throws_has_no_effect_and_hands_the_exception_over) {
  for (const int rows : {0, 1, 100'000}) {
    Source source([rows](int i) -> std::string {
      if (i == rows) throw std::out_of_range("no more rows");
      return std::to_string(i) + "\n";
    });
    CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
    run(copy);
    ASSERT_NE(copy.error(), nullptr);
    EXPECT_TRUE(copy.error()->connection_survives);
    ASSERT_NE(copy.stream_error(), nullptr);
    EXPECT_THROW(std::rethrow_exception(copy.stream_error()), std::out_of_range);
    EXPECT_EQ(count(), "0");
    expect_usable();
  }
}

TEST_F(Copy, in_is_not_held_up_by_a_server_that_floods_it_with_notices) {
  say(*connection,
      "CREATE OR REPLACE FUNCTION chatter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', "
      "repeat('x', 5000); "
      "RETURN NEW; END $$; CREATE TRIGGER chatter BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION "
      "chatter()");
  Source source = numbers(5000);
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
  run(copy);
  ASSERT_EQ(copy.error(), nullptr) << copy.error()->message;
  EXPECT_EQ(copy.rows_copied(), 5000);
}

TEST_F(Copy, in_to_a_server_that_does_not_read_asks_for_no_more_than_fits_the_buffers) {
  say(*observer, "BEGIN; INSERT INTO copied VALUES (0)");  // the first row waits for this transaction
  std::size_t asked = 0;
  Source source([&asked](int) {
    asked += 2;
    return std::string("0\n");
  });
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
  EXPECT_FALSE(test::run_until(copy, test::SteadyClock::now() + 500ms));
  EXPECT_LT(asked, std::size_t{4} << 20);
  say(*observer, "ROLLBACK");
}

TEST_F(Copy, in_ends_with_an_error_when_the_session_is_terminated_half_way) {
  Source source([this](int i) -> std::string {
    if (i == 1000)
      say(*observer, "SELECT pg_terminate_backend(" + std::to_string(connection->backend_pid()) + ", 10000)");
    return i < 2'000'000 ? std::to_string(i) + "\n" : "";
  });
  CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
  run(copy);
  ASSERT_NE(copy.error(), nullptr);
  EXPECT_EQ(copy.error()->kind, ErrorKind::connection_failed);
  EXPECT_EQ(copy.error()->sqlstate.text(), "57P01") << copy.error()->message;
  EXPECT_EQ(copy.error()->severity, "FATAL");
  EXPECT_FALSE(copy.error()->connection_survives);
  EXPECT_FALSE(connection->alive());
}

TEST_F(Copy, in_refuses_statements_that_are_no_copy_before_they_are_sent) {
  for (const char* sql : {"INSERT INTO copied VALUES (1)", "COPY copied FROM STDIN; SELECT 1", ""}) {
    Source source = numbers(1);
    CopyInOperation copy(*connection, sql, source);
    EXPECT_TRUE(copy.advance(Ready::none).done) << sql;
    ASSERT_NE(copy.error(), nullptr) << sql;
    EXPECT_EQ(copy.error()->kind, ErrorKind::usage);
    EXPECT_FALSE(copy.first_bytes_sent());
  }
  EXPECT_EQ(count(), "0");
  expect_usable();
}

TEST_F(Copy, in_the_wrong_direction_is_a_usage_error_and_the_connection_survives) {
  Source source = numbers(1);
  CopyInOperation in(*connection, "COPY (SELECT repeat('x', 1000), generate_series(1, 100000000)) TO STDOUT",
                     source);
  run(in);
  ASSERT_NE(in.error(), nullptr);
  EXPECT_EQ(in.error()->kind, ErrorKind::usage);
  expect_usable();

  Sink sink;
  CopyOutOperation out(*connection, "COPY copied FROM STDIN", sink);
  run(out);
  ASSERT_NE(out.error(), nullptr);
  EXPECT_EQ(out.error()->kind, ErrorKind::usage);
  expect_usable();
}

TEST_F(Copy, of_a_table_that_does_not_exist_reports_the_server_s_words) {
  Source source = numbers(1);
  CopyInOperation in(*connection, "COPY nowhere FROM STDIN", source);
  run(in);
  ASSERT_NE(in.error(), nullptr);
  EXPECT_EQ(in.error()->sqlstate.text(), "42P01");
  Sink sink;
  CopyOutOperation out(*connection, "COPY nowhere TO STDOUT", sink, BeginFirst::yes);
  run(out);
  ASSERT_NE(out.error(), nullptr);
  EXPECT_EQ(out.error()->sqlstate.text(), "42P01");
  EXPECT_TRUE(connection->in_failed_transaction()) << "the BEGIN had been executed";
}

TEST_F(Copy, out_gives_the_sink_whole_rows) {
  std::vector<std::string> rows;
  struct Rows : CopySink {
    explicit Rows(std::vector<std::string>& to) : to_(to) {}
    void take(std::string_view piece) override { to_.emplace_back(piece); }
    std::vector<std::string>& to_;
  } sink(rows);
  CopyOutOperation copy(
      *connection, "COPY (SELECT i, 'row ' || i FROM generate_series(1, 3) i) TO STDOUT (FORMAT csv)", sink);
  run(copy);
  ASSERT_EQ(copy.error(), nullptr) << copy.error()->message;
  EXPECT_EQ(copy.rows_copied(), 3);
  EXPECT_EQ(rows, (std::vector<std::string>{"1,row 1\n", "2,row 2\n", "3,row 3\n"}));
  EXPECT_TRUE(connection->clean());
}

// B34
TEST_F(Copy, out_to_a_slow_sink_holds_the_server_back_instead_of_filling_memory) {
  struct SlowSink : CopySink {
    void take(std::string_view piece) override {
      bytes += piece.size();
      volatile unsigned work = 0;
      for (unsigned i = 0; i < 2000; ++i) work = work + i;
    }
    std::size_t bytes = 0;
  } sink;
  const test::PeakMemory memory;
  CopyOutOperation copy(*connection,
                        "COPY (SELECT repeat('x', 9999) FROM generate_series(1, 30000)) TO STDOUT", sink);
  run(copy, 60s);
  ASSERT_EQ(copy.error(), nullptr) << copy.error()->message;
  EXPECT_EQ(sink.bytes, 300'000'000u);
  if (!test::memory_can_be_measured) GTEST_SKIP() << "memory is not measured under this sanitizer";
  EXPECT_LT(memory.grown_kib(), 32 * 1024);
}

TEST_F(Copy, out_of_an_error_half_way_reports_it_after_the_rows_before_it) {
  Sink sink;
  CopyOutOperation copy(*connection,
                        "COPY (SELECT 1000 / (1000 - i) FROM generate_series(1, 2000) i) TO STDOUT", sink);
  run(copy);
  ASSERT_NE(copy.error(), nullptr);
  EXPECT_EQ(copy.error()->sqlstate.text(), "22012");
  EXPECT_FALSE(sink.text.empty());
  expect_usable();
}

TEST_F(Copy, out_whose_sink_throws_stops_the_server_and_hands_the_exception_over) {
  struct Thrower : CopySink {
    void take(std::string_view) override {
      if (++taken == 10) throw std::length_error("disk full");
    }
    int taken = 0;
  } sink;
  CopyOutOperation copy(*connection,
                        "COPY (SELECT repeat('x', 1000), generate_series(1, 100000000)) TO STDOUT", sink);
  run(copy);
  ASSERT_NE(copy.error(), nullptr);
  EXPECT_TRUE(copy.error()->connection_survives);
  EXPECT_THROW(std::rethrow_exception(copy.stream_error()), std::length_error);
  EXPECT_EQ(sink.taken, 10);
  expect_usable();
}

}  // namespace
}  // namespace copg::pq
