// Which INSERTs may have more rows, as far as their text tells.
#include "sql/plain_insert.hpp"

#include <gtest/gtest.h>

#include <string>

namespace copg::sql {
namespace {

/// schema|table|row|parameters; empty if it is none.
std::string parts(std::string_view sql) {
  const auto insert = plain_insert(sql);
  if (!insert) return {};
  return std::string(insert->schema) + '|' + std::string(insert->table) + '|' + std::string(insert->row) +
         '|' + std::to_string(insert->parameters);
}

TEST(PlainInsert, has_a_table_and_one_row_of_values) {
  EXPECT_EQ(parts("INSERT INTO t VALUES ($1)"), "|t|($1)|1");
  EXPECT_EQ(parts(" insert\ninto \"A b\".T(a,\"b\") values($2 , $1);; "), "\"A b\"|T|($2 , $1)|2");
  EXPECT_EQ(parts("/* x */ INSERT INTO s.t -- y\n (a) VALUES (-- z\n$1 /* ) */) -- )"),
            "s|t|(-- z\n$1 /* ) */)|1");
}

TEST(PlainInsert, has_constants_and_casts_to_types_of_postgresql) {
  for (const std::string value : {"1",
                                  "-1",
                                  "+1.5e3",
                                  "'x'",
                                  "E'\\''",
                                  "$$x$$",
                                  "NULL",
                                  "true",
                                  "FALSE",
                                  "DEFAULT",
                                  "now()",
                                  "CURRENT_TIMESTAMP",
                                  "current_date",
                                  "$2",
                                  "$2::int",
                                  "$2::text::jsonb",
                                  "'1'::int[]",
                                  "$2::numeric(10, 2)",
                                  "$2::varchar(5)[][]",
                                  "$2::double precision",
                                  "$2::character varying(3)",
                                  "$2::timestamp(3) with time zone",
                                  "$2::time without time zone",
                                  "x'1f'"}) {
    EXPECT_NE(parts("INSERT INTO t VALUES ($1, " + value + ")"), "") << value;
  }
}

TEST(PlainInsert, has_nothing_that_could_be_told_apart) {
  for (const std::string value : {"$1 + 1",
                                  "random()",
                                  "nextval('s')",
                                  "clock_timestamp()",
                                  "(SELECT 1)",
                                  "ARRAY[$1]",
                                  "ROW($1)",
                                  "($1)",
                                  "lower($1)",
                                  "$1::mood",
                                  "$1::public.mood",
                                  "$1::\"int\"",
                                  "CAST($1 AS int)",
                                  "now",
                                  "now() + $1",
                                  "- $1",
                                  "a",
                                  "$1 COLLATE \"C\"",
                                  "current_user",
                                  "$1 IS NULL",
                                  "interval '1 day'",
                                  "NOT $1",
                                  "U&\"x\"",
                                  "$1[1]",
                                  "$0",
                                  "",
                                  "1 2"}) {
    EXPECT_EQ(parts("INSERT INTO t VALUES ($1, " + value + ")"), "") << value;
  }
  for (const std::string sql : {"",
                                "INSERT",
                                "INSERT INTO t",
                                "INSERT INTO t VALUES",
                                "INSERT INTO t VALUES (",
                                "INSERT INTO t VALUES ($1",
                                "INSERT INTO t VALUES ($1) RETURNING a",
                                "INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING",
                                "INSERT INTO t VALUES ($1), ($2)",
                                "INSERT INTO t VALUES ($1); SELECT 1",
                                "INSERT INTO t DEFAULT VALUES",
                                "INSERT INTO t AS x VALUES ($1)",
                                "INSERT INTO t x VALUES ($1)",
                                "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES ($1)",
                                "INSERT INTO t (a[1]) VALUES ($1)",
                                "INSERT INTO t (a.b) VALUES ($1)",
                                "INSERT INTO t () VALUES ($1)",
                                "INSERT INTO t (VALUES ($1))",
                                "INSERT INTO a.b.c VALUES ($1)",
                                "INSERT INTO U&\"t\" VALUES ($1)",
                                "INSERT INTO t VALUES (1)",
                                "INSERT INTO t SELECT $1",
                                "INSERT INTO t TABLE u",
                                "WITH a AS (SELECT 1) INSERT INTO t VALUES ($1)",
                                "EXPLAIN INSERT INTO t VALUES ($1)",
                                "INSERT INTO t VALUES ($1) )",
                                "INSERT INTO t VALUES ($1) 'x'",
                                "SELECT $1"}) {
    EXPECT_EQ(parts(sql), "") << sql;
  }
}

}  // namespace
}  // namespace copg::sql
