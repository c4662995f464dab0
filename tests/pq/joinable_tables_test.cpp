// Which texts and tables have their rows joined by execute_many, against a real server.
#include <functional>
#include <string>

#include "joined_rows.hpp"

namespace copg::test {
namespace {

using pq::JoinableTexts;

struct JoinableTables : JoinedRows {};

TEST_F(JoinableTables, names_are_found_as_the_server_finds_them) {
  prepare("CREATE SCHEMA \"Other\"");
  prepare("CREATE TABLE \"Other\".\"a \"\"b\"\" c\" (a bigint)");
  prepare("CREATE TABLE Folded (\"Col umn\" bigint, b int)");
  prepare("CREATE TEMP TABLE passing (a bigint)");
  EXPECT_TRUE(joins("INSERT INTO \"Other\".\"a \"\"b\"\" c\" VALUES ($1)"));
  EXPECT_TRUE(joins("insert into FOLDED (b, \"Col umn\") values (1, $1) ; -- done"));
  EXPECT_TRUE(joins("INSERT /* one */ INTO public . folded -- two\n (b) VALUES (-- three\n$1 /* four */)"));
  EXPECT_TRUE(joins("INSERT INTO passing VALUES ($1)"));
}

TEST_F(JoinableTables, what_could_be_told_apart_travels_row_by_row) {
  prepare("CREATE TABLE unlike (a bigint, b int, c text UNIQUE)");
  for (const std::string sql : {
           "INSERT INTO unlike (a) VALUES ($1) RETURNING a",
           "INSERT INTO unlike (a) VALUES ($1) ON CONFLICT DO NOTHING",
           "INSERT INTO unlike (a) VALUES ($1 + 1)",
           "INSERT INTO unlike (a, b) VALUES ($1, random())",
           "INSERT INTO unlike (a, b) VALUES ($1, (SELECT count(*) FROM unlike))",
           "INSERT INTO unlike (a) SELECT $1",
           "WITH x AS (SELECT 1) INSERT INTO unlike (a) VALUES ($1)",
           "INSERT INTO unlike AS p (a) VALUES ($1)",
           "INSERT INTO unlike (a) VALUES ($1), (5)",
           "UPDATE unlike SET a = $1 WHERE a = -1",
       }) {
    for (int i = 0; i < 2; ++i) {
      const Given given = send(sql, numbers<std::int64_t>(300), &joinable);
      EXPECT_FALSE(given.error) << sql << given.error->message;
      EXPECT_EQ(given.joined, 0) << sql;
    }
  }
}

TEST_F(JoinableTables, tables_that_could_tell_get_their_rows_one_by_one) {
  prepare("CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
  prepare("CREATE FUNCTION pass_stable() RETURNS trigger LANGUAGE plpgsql STABLE AS 'BEGIN RETURN NEW; END'");
  prepare("CREATE FUNCTION looks() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 5::bigint'");
  prepare("CREATE TABLE parent (a bigint PRIMARY KEY)");
  prepare("INSERT INTO parent SELECT generate_series(0, 1999)");
  const auto joins_with = [&](const std::string& table, const std::string& more) {
    prepare("CREATE TABLE t " + table);
    if (!more.empty()) prepare(more);
    std::int64_t next = 0;
    const bool joined =
        joins("INSERT INTO t (a) VALUES ($1)", [&](std::int64_t, Params& values) { values.add(next++); });
    prepare("DROP TABLE t CASCADE");
    joinable.~JoinableTexts();
    new (&joinable) JoinableTexts;
    return joined;
  };
  const std::string row = " ON t FOR EACH ROW EXECUTE FUNCTION pass()";
  const std::string statement = " ON t EXECUTE FUNCTION pass()";
  EXPECT_TRUE(joins_with("(a bigint)", ""));
  EXPECT_TRUE(joins_with("(a bigint REFERENCES parent, b serial, c uuid DEFAULT gen_random_uuid())", ""));
  EXPECT_TRUE(joins_with("(a bigint)", "CREATE TRIGGER x BEFORE INSERT" + row));
  EXPECT_TRUE(joins_with("(a bigint)", "CREATE TRIGGER x AFTER UPDATE" + statement));
  EXPECT_TRUE(joins_with("(a bigint UNIQUE DEFERRABLE)", ""));
  EXPECT_FALSE(joins_with("(a bigint)", "CREATE TRIGGER x BEFORE INSERT" + statement));
  EXPECT_FALSE(joins_with("(a bigint)", "CREATE TRIGGER x AFTER INSERT" + statement));
  EXPECT_FALSE(joins_with("(a bigint)", "CREATE TRIGGER x AFTER UPDATE OR INSERT" + row));
  EXPECT_FALSE(joins_with("(a bigint)",
                          "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pass_stable()"));
  EXPECT_FALSE(joins_with("(a bigint REFERENCES parent)", "CREATE TRIGGER x BEFORE INSERT" + row));
  EXPECT_FALSE(joins_with("(a bigint PRIMARY KEY, b bigint REFERENCES t)", ""));
  EXPECT_FALSE(joins_with("(a bigint, b bigint DEFAULT looks())", ""));
  EXPECT_FALSE(joins_with("(a bigint CHECK (a < looks() * 2000))", ""));
  EXPECT_FALSE(joins_with("(a bigint, b timestamptz DEFAULT statement_timestamp())", ""));
  EXPECT_FALSE(joins_with("(a bigint)", "CREATE RULE x AS ON INSERT TO t DO ALSO NOTIFY y"));
  EXPECT_FALSE(joins_with("(a bigint)", "ALTER TABLE t ENABLE ROW LEVEL SECURITY"));
  prepare("CREATE VIEW seen AS SELECT * FROM parent WHERE a > 100000");
  EXPECT_FALSE(joins("INSERT INTO seen VALUES ($1)", [](std::int64_t i, Params& row_of_view) {
    static std::int64_t next = 1'000'000;
    row_of_view.add(next++ + 0 * i);
  }));
}

TEST_F(JoinableTables, partitioned_tables_are_judged_with_their_partitions) {
  prepare("CREATE FUNCTION pass_part() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
  prepare("CREATE TABLE parted (a bigint, b text) PARTITION BY RANGE (a)");
  for (int part = 0; part < 4; ++part) {
    const std::string n = std::to_string(part);
    prepare("CREATE TABLE parted_" + n + " PARTITION OF parted FOR VALUES FROM (" +
            std::to_string(part * 250) + ") TO (" + std::to_string(part * 250 + 250) + ")");
  }
  EXPECT_TRUE(joins("INSERT INTO parted (a) VALUES ($1)"));
  EXPECT_EQ(value("SELECT count(*) || ' ' || sum(a) FROM parted_3"), "500 437250");
  prepare("CREATE TRIGGER x AFTER INSERT ON parted_2 FOR EACH ROW EXECUTE FUNCTION pass_part()");
  const Given given = send("INSERT INTO parted (a) VALUES ($1)", numbers<std::int64_t>(1000), &joinable);
  EXPECT_FALSE(given.error);
  EXPECT_EQ(given.affected, 1000);
  EXPECT_EQ(given.joined, 0);
}

TEST_F(JoinableTables, a_trigger_made_between_two_calls_is_noticed) {
  prepare("CREATE TABLE counted (n bigint)");
  prepare(
      "CREATE FUNCTION count_statements() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN INSERT INTO counted SELECT count(*) FROM changing; RETURN NULL; END'");
  const auto connection_of_others = connect();
  for (int round = 0; round < 3; ++round) {
    for (const bool recreated : {false, true}) {
      prepare("DROP TABLE IF EXISTS changing");
      prepare("CREATE TABLE changing (a bigint)");
      JoinableTexts fresh;
      for (int i = 0; i < 2; ++i)
        EXPECT_GT(send("INSERT INTO changing VALUES ($1)", numbers<std::int64_t>(300), &fresh).joined, 0);
      if (recreated) {
        ASSERT_FALSE(execute(*connection_of_others, "DROP TABLE changing").error);
        ASSERT_FALSE(execute(*connection_of_others, "CREATE TABLE changing (a bigint)").error);
      }
      const std::string trigger =
          "CREATE TRIGGER x AFTER INSERT ON changing EXECUTE FUNCTION count_statements()";
      ASSERT_FALSE(execute(*connection_of_others, trigger).error);
      for (int i = 0; i < 2; ++i) {
        prepare("TRUNCATE counted; TRUNCATE changing");
        const Given given = send("INSERT INTO changing VALUES ($1)", numbers<std::int64_t>(300), &fresh);
        ASSERT_FALSE(given.error) << given.error->message;
        EXPECT_EQ(given.affected, 300);
        EXPECT_EQ(value("SELECT count(*) || ' ' || max(n) || ' ' || count(DISTINCT n) FROM counted"),
                  "300 300 300");
      }
    }
  }
}

TEST_F(JoinableTables, a_misfit_is_asked_about_again_after_a_while) {
  JoinableTexts hints;
  EXPECT_EQ(hints.ask(77), JoinableTexts::Hint::none);
  hints.note(77, false);
  for (unsigned i = 0; i < JoinableTexts::uses_of_misfit; ++i)
    EXPECT_EQ(hints.ask(77), JoinableTexts::Hint::misfit);
  EXPECT_EQ(hints.ask(77), JoinableTexts::Hint::none);
  hints.note(77, true);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(hints.ask(77), JoinableTexts::Hint::fits);
  hints.note(77, false);
  EXPECT_EQ(hints.ask(77), JoinableTexts::Hint::misfit);
}

TEST_F(JoinableTables, a_role_that_may_not_read_the_catalogs_gets_its_rows_one_by_one) {
  prepare("CREATE ROLE restricted");
  prepare("CREATE TABLE owned (id serial, a bigint)");
  prepare("ALTER TABLE owned OWNER TO restricted");
  prepare("REVOKE SELECT ON pg_catalog.pg_depend FROM PUBLIC");
  prepare("SET ROLE restricted");
  for (int call = 0; call < 2; ++call) {
    prepare("DELETE FROM owned");
    const Given given = send("INSERT INTO owned (a) VALUES ($1)", numbers<std::int64_t>(300), &joinable);
    EXPECT_FALSE(given.error) << given.error->message;
    EXPECT_EQ(given.affected, 300);
    EXPECT_EQ(given.joined, 0);
  }
  // The first call has sent its first row twice, the second one has asked nothing.
  EXPECT_EQ(value("SELECT min(id) || ' ' || max(id) FROM owned"), "302 601");
  prepare("RESET ROLE");
  prepare("GRANT SELECT ON pg_catalog.pg_depend TO PUBLIC");
}

TEST_F(JoinableTables, transactions_that_see_an_old_state_get_their_rows_one_by_one) {
  prepare("CREATE TABLE isolated (a bigint)");
  for (int i = 0; i < 2; ++i) {
    prepare("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const Given given = send("INSERT INTO isolated VALUES ($1)", numbers<std::int64_t>(300), &joinable);
    EXPECT_EQ(given.affected, 300);
    EXPECT_EQ(given.joined, 0);
    prepare("COMMIT");
  }
}

}  // namespace
}  // namespace copg::test
