// Python's placeholders, rewritten: PostgreSQL's scanner finds as many parameters, and nothing else changed.
#include "python/native/placeholders.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "python/native/call_errors.hpp"
#include "sql/made_up_text.hpp"
#include "sql/oracle.hpp"

namespace copg::python {
namespace {

std::string rewritten(std::string_view sql) { return rewrite_placeholders(sql).sql; }

TEST(Placeholders, become_parameters_outside_of_quotes_and_comments) {
  EXPECT_EQ(rewritten("SELECT %s, %s::int"), "SELECT $1, $2::int");
  EXPECT_EQ(rewritten("SELECT %(a)s, %(b)s, %(a)s"), "SELECT $1, $2, $1");
  for (const char* sql :
       {"SELECT '%s', E'it\\'s %s', U&'%s'", "SELECT \"%s\", u&\"%(a)s\"", "SELECT $$%s$$, $x$%s$$%s$x$",
        "SELECT 1 -- %s\r/* %s /* %s */ %(a)s */", "SELECT E'a'\n'\\' %s'"}) {
    EXPECT_EQ(rewritten(sql), sql);
  }
  EXPECT_EQ(rewritten("SELECT '%s' || %s -- %s\n, a->>%s, b<%s/* %s */"),
            "SELECT '%s' || $1 -- %s\n, a->>$2, b<$3/* %s */");
}

TEST(Placeholders, a_doubled_percent_sign_is_one_everywhere) {
  EXPECT_EQ(rewritten("SELECT 7 %% 4, '%%s', \"%%\", $$%%%%$$, E'\\%%' -- %%"),
            "SELECT 7 % 4, '%s', \"%\", $$%%$$, E'\\%' -- %");
  EXPECT_EQ(rewritten("SELECT %s%%%s, %%%%1"), "SELECT $1%$2, %%1");
}

TEST(Placeholders, touch_no_word_and_no_number_beside_them) {
  EXPECT_EQ(rewritten("SELECT 1 LIMIT%s"), "SELECT 1 LIMIT $1");
  EXPECT_EQ(rewritten("SELECT a=%sAND b=%s1"), "SELECT a=$1 AND b=$2 1");
  EXPECT_EQ(rewritten("SELECT (%s)"), "SELECT ($1)");
}

TEST(Placeholders, are_the_parameters_that_postgresql_sees) {
  sql::MadeUpText text(3);
  std::mt19937 random(3);  // NOLINT(cert-msc51-cpp): the same texts each time
  int accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string sql;
    for (auto parts = random() % 3; parts > 0; --parts) sql += text.next() + "%s";
    RewrittenText result;
    try {
      result = rewrite_placeholders(sql);
    } catch (const ProgrammingMistake&) {
      continue;
    }
    const auto found = sql::parameters(result.sql);
    // Those that stood there before are parameters, too.
    if (!found || sql.find('$') != std::string::npos) continue;
    ++accepted;
    ASSERT_EQ(found->size(), result.count) << sql << "\n" << result.sql;
  }
  EXPECT_GT(accepted, 10'000);
}

}  // namespace
}  // namespace copg::python
