// PostgreSQL's scanner sees the same tokens at the same places, as far as it accepts a text at all.
#include "sql/oracle.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "sql/made_up_text.hpp"
#include "sql/statements.hpp"
#include "sql/text_traits.hpp"

namespace copg::sql {
namespace {

constexpr std::array<std::string_view, 8> between = {
    ";", ";", " ; ;\n", "; -- it's;\n", "; /* ; /* \" */ ; */ ", "-- ;\r\n;", " /* ; */ ", "\n"};

TEST(Oracle, the_statements_of_the_corpus_have_the_tokens_that_postgresql_sees) {
  for (const std::string_view sql : statements) EXPECT_EQ(disagreement(std::string(sql)), "") << sql;
}

TEST(Oracle, what_postgresql_parses_as_several_statements_is_several) {
  std::mt19937 random(4);  // NOLINT(cert-msc51-cpp): the same texts each time
  int parsed = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string sql;
    for (auto count = random() % 4; count > 0; --count) {
      if (random() % 2 == 0) sql += between[random() % between.size()];
      sql += statements[random() % std::size(statements)];
      sql += between[random() % between.size()];
    }
    const auto count = count_statements(sql);
    if (!count) continue;
    ++parsed;
    ASSERT_EQ(text_traits(sql).several, *count > 1) << sql;
  }
  EXPECT_GT(parsed, 10'000);
}

/// All that a statement may do besides reading stands in the tree of its parser.
bool only_reads(const std::string& tree) {
  if (tree.find(R"("stmt":{"SelectStmt")") == std::string::npos) return false;
  for (const char* node :
       {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "intoClause", "lockingClause"}) {
    if (tree.find(node) != std::string::npos) return false;
  }
  return true;
}

TEST(Oracle, what_is_taken_to_read_does_nothing_else_in_postgresqls_eyes) {
  int read = 0;
  for (const std::string_view sql : statements) {
    const std::string tree = parse_tree(std::string(sql));
    ASSERT_NE(tree, "") << sql;
    const TextTraits traits = text_traits(sql);
    // What calls a function may write.
    EXPECT_EQ(only_reads(tree) && !traits.calls, traits.reads) << sql;
    EXPECT_EQ(tree.find(R"("stmt":{"CopyStmt")") != std::string::npos, traits.copies) << sql;
    read += traits.reads ? 1 : 0;
  }
  EXPECT_GT(read, 5);
}

TEST(Oracle, texts_made_up_at_random_have_the_tokens_that_postgresql_sees) {
  MadeUpText text(12);
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string sql = text.next();
    const auto difference = disagreement(sql);
    accepted += difference.has_value() ? 1 : 0;
    ASSERT_EQ(difference.value_or(""), "") << sql;
  }
  EXPECT_GT(accepted, 30'000);
}

}  // namespace
}  // namespace copg::sql
