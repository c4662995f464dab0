// What a statement has done when its call throws: no answer of a write that the server has accepted looks
// like a call that did nothing.
#include <copg/copg.hpp>

#include <stdexcept>
#include <string>

#include "integration/database_test.hpp"

namespace copg::test {

struct Colour {
  bool operator==(const Colour&) const = default;
};
/// Of an application's own.
struct NoSuchColour : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace copg::test

template <>
struct copg::Codec<copg::test::Colour> {
  static constexpr Oid oid = oid::inferred;
  static copg::test::Colour decode(std::string_view text) {
    throw copg::test::NoSuchColour("no colour is called " + std::string(text));
  }
};

namespace copg::test {
namespace {

class Effects : public DatabaseTest {
 protected:
  void SetUp() override { db.execute("DROP TABLE IF EXISTS effects; CREATE TABLE effects (x int UNIQUE)"); }
  [[nodiscard]] int rows() { return db.fetch_val<int>("SELECT count(*)::int FROM effects"); }

  PooledDatabase db = open();
};

constexpr std::string_view and_committed = "; the statement (INSERT 0 1) was executed and committed";
constexpr std::string_view and_still_open =
    "; the statement (INSERT 0 1) was executed, and its transaction was still open";

TEST_F(Effects, a_write_without_returning_gives_nothing_and_no_error) {
  EXPECT_EQ(db.fetch_one<int>("INSERT INTO effects VALUES (1)"), std::nullopt);
  EXPECT_EQ(db.fetch_val<std::optional<int>>("INSERT INTO effects VALUES ($1)", 2), std::nullopt);
  EXPECT_TRUE(db.fetch_all<int>("INSERT INTO effects VALUES (3)").empty());
  Connection connection = db.connection();
  EXPECT_EQ(connection.fetch_one<int>("INSERT INTO effects VALUES (4)"), std::nullopt);
  EXPECT_EQ(connection.fetch_val<std::optional<int>>("DELETE FROM effects WHERE x = 4"), std::nullopt);
  connection.commit();
  EXPECT_EQ(rows(), 3);
}

TEST_F(Effects, a_value_of_a_write_that_cant_be_read_says_that_it_was_committed) {
  const ErrorInfo error = error_of<DataError>(
      [&] { (void)db.fetch_val<int>("INSERT INTO effects VALUES (1) RETURNING 3000000000"); });
  EXPECT_TRUE(error.message.ends_with(and_committed)) << error.message;
  EXPECT_TRUE(error.executed);
  EXPECT_TRUE(error.committed);
  EXPECT_EQ(rows(), 1);
}

TEST_F(Effects, inside_a_transaction_it_says_that_nothing_is_committed_yet) {
  Connection connection = db.connection();
  const ErrorInfo error = error_of<DataError>(
      [&] { (void)connection.fetch_one<int>("INSERT INTO effects VALUES (1) RETURNING NULL::int"); });
  EXPECT_TRUE(error.message.ends_with(and_still_open)) << error.message;
  EXPECT_TRUE(error.executed);
  EXPECT_FALSE(error.committed);
  connection.commit();
  EXPECT_EQ(rows(), 1);
  connection.autocommit(true);
  EXPECT_TRUE(error_of<DataError>([&] {
                (void)connection.fetch_all<int>("INSERT INTO effects VALUES (2) RETURNING NULL::int");
              }).committed);
}

TEST_F(Effects, a_write_that_was_to_give_a_row_and_gave_none_says_that_it_was_executed) {
  db.execute("INSERT INTO effects VALUES (1)");
  const ErrorInfo error = error_of<DataError>(
      [&] { (void)db.fetch_val<int>("INSERT INTO effects VALUES (1) ON CONFLICT DO NOTHING RETURNING x"); });
  EXPECT_TRUE(error.committed) << error.message;
  EXPECT_NE(error.message.find("no row"), std::string::npos) << error.message;
}

TEST_F(Effects, what_only_reads_is_not_called_executed) {
  const auto reading = [&](auto read) {
    const ErrorInfo error = error_of<DataError>(read);
    EXPECT_FALSE(error.executed) << error.message;
    EXPECT_FALSE(error.committed);
    EXPECT_EQ(error.message.find("executed"), std::string::npos) << error.message;
  };
  reading([&] { (void)db.fetch_val<int>("SELECT 'x'"); });
  reading([&] { (void)db.fetch_val<int>("SELECT 1 WHERE false"); });
  reading([&] { (void)db.fetch_one<std::tuple<int, int>>("SELECT 1"); });
}

TEST_F(Effects, what_a_codec_throws_is_nested_in_an_error_that_tells_of_the_write) {
  try {
    (void)db.fetch_val<Colour>("INSERT INTO effects VALUES (1) RETURNING 'red'");
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_EQ(error.info().message, "no colour is called red" + std::string(and_committed));
    EXPECT_TRUE(error.info().committed);
    EXPECT_THROW(std::rethrow_if_nested(error), NoSuchColour);
  }
  EXPECT_EQ(rows(), 1);
  EXPECT_THROW((void)db.fetch_val<Colour>("SELECT 'red'"), NoSuchColour) << "a read has done nothing";
}

TEST_F(Effects, a_function_may_write) {
  db.execute(
      "CREATE OR REPLACE FUNCTION write_effect() RETURNS bigint LANGUAGE sql AS "
      "'INSERT INTO effects VALUES (1) RETURNING 3000000000'");
  const ErrorInfo error = error_of<DataError>([&] { (void)db.fetch_val<int>("SELECT write_effect()"); });
  EXPECT_TRUE(error.committed) << error.message;
  EXPECT_EQ(rows(), 1);
}

}  // namespace
}  // namespace copg::test
