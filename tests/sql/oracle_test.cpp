// PostgreSQL's scanner sees the same tokens at the same places, as far as it accepts a text at all.
#include "sql/oracle.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sql/made_up_text.hpp"

namespace copg::sql {
namespace {

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
