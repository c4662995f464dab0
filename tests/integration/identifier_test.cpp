// Quoted names, read back from the server.
#include <copg/identifier.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

using namespace std::string_view_literals;

class Identifiers : public DatabaseTest {};

TEST_F(Identifiers, are_read_back_as_they_were) {
  PooledDatabase db = open();
  for (const std::string_view name :
       {"plain"sv, "Case"sv, "two words"sv, "select"sv, "a\"b"sv, "\""sv, "a\"; DROP TABLE users; --"sv,
        "back\\slash"sv, "it's"sv, "Größe"sv, "$1"sv, "a.b"sv}) {
    const Result result = db.execute("SELECT 1 AS " + identifier(name));
    EXPECT_EQ(result.column_name(0), name);
    // The server agrees, wherever it quotes at all.
    const auto quoted = db.fetch_val<std::string>("SELECT quote_ident($1)", name);
    if (quoted.starts_with('"')) {
      EXPECT_EQ(identifier(name), quoted);
    }
  }
}

TEST_F(Identifiers, are_joined_by_dots_when_qualified) {
  EXPECT_EQ(identifier("public", std::string("a.b"), "c"sv), R"("public"."a.b"."c")");
}

TEST_F(Identifiers, that_postgresql_can_not_have_are_refused) {
  EXPECT_THROW(static_cast<void>(identifier("")), DataError);
  EXPECT_THROW(static_cast<void>(identifier("public", "")), DataError);
  EXPECT_THROW(static_cast<void>(identifier("a\0b"sv)), DataError);
}

TEST_F(Identifiers, of_a_list_of_columns_select_those) {
  PooledDatabase db = open();
  const std::vector<std::string> columns = {"a b", "c\"d"};
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + identifier(column);
  const Result result =
      db.execute("SELECT " + list + R"( FROM (SELECT 1 AS "a b", 2 AS "c""d", 3 AS e) AS t)");
  ASSERT_EQ(result.columns(), 2U);
  EXPECT_EQ(result.column_name(1), "c\"d");
}

}  // namespace
}  // namespace copg::test
