// Errors: the class fits the kind, and the text says everything.
#include <copg/error.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <type_traits>

namespace copg {
namespace {

template <class E>
bool raises(ErrorKind kind) {
  ErrorInfo info;
  info.kind = kind;
  info.message = "it went wrong";
  bool by_raise = false;
  bool by_pointer = false;
  try {
    raise(info);
  } catch (const E& error) {
    by_raise = typeid(error) == typeid(E) && error.kind() == kind;
  } catch (...) {
  }
  try {
    std::rethrow_exception(make_exception(info));
  } catch (const E& error) {
    by_pointer = typeid(error) == typeid(E) && error.kind() == kind;
  } catch (...) {
  }
  return by_raise && by_pointer;
}

TEST(Error, raise_throws_the_class_that_belongs_to_the_kind) {
  EXPECT_TRUE(raises<ConfigurationError>(ErrorKind::configuration));
  EXPECT_TRUE(raises<UsageError>(ErrorKind::usage));
  EXPECT_TRUE(raises<DataError>(ErrorKind::data));
  EXPECT_TRUE(raises<PoolTimeout>(ErrorKind::pool_timeout));
  EXPECT_TRUE(raises<QueryTimeout>(ErrorKind::query_timeout));
  EXPECT_TRUE(raises<PoolClosed>(ErrorKind::pool_closed));
  EXPECT_TRUE(raises<TooManyRequests>(ErrorKind::too_many_requests));
  EXPECT_TRUE(raises<ConnectionFailed>(ErrorKind::connection_failed));
  EXPECT_TRUE(raises<QueryFailed>(ErrorKind::query_failed));
  EXPECT_TRUE(raises<CommitUnknown>(ErrorKind::commit_unknown));
}

TEST(Error, a_class_made_by_hand_has_its_own_kind) {
  ErrorInfo info;
  info.kind = ErrorKind::data;
  EXPECT_EQ(PoolTimeout(info).kind(), ErrorKind::pool_timeout);
  EXPECT_EQ(DataError("no").kind(), ErrorKind::data);
}

TEST(Error, the_text_is_the_message_and_then_detail_and_hint) {
  ErrorInfo info;
  info.message = "no";
  EXPECT_STREQ(QueryFailed(info).what(), "no");
  info.hint = "try yes";
  EXPECT_STREQ(QueryFailed(info).what(), "no\nHINT: try yes");
  info.detail = "really";
  EXPECT_STREQ(QueryFailed(info).what(), "no\nDETAIL: really\nHINT: try yes");
}

TEST(Error, the_text_points_at_the_place_in_the_statement) {
  ErrorInfo info;
  info.message = "column \"nmae\" does not exist";
  info.query = "SELECT id\nFROM users\nWHERE nmae = $1";
  info.statement_position = 28;
  info.hint = "Perhaps you meant \"name\".";
  EXPECT_STREQ(QueryFailed(info).what(), R"(column "nmae" does not exist
LINE 3: WHERE nmae = $1
              ^
HINT: Perhaps you meant "name".)");
}

TEST(Error, without_a_place_the_text_has_the_beginning_of_the_statement) {
  ErrorInfo info;
  info.message = "no";
  info.query = "INSERT INTO users\n  VALUES (1)";
  info.context = "COPY users, line 3, column id";
  EXPECT_STREQ(QueryFailed(info).what(),
               "no\nCONTEXT: COPY users, line 3, column id\nSTATEMENT: INSERT INTO users VALUES (1)");
}

TEST(Error, the_text_names_the_row_and_what_a_function_was_running) {
  ErrorInfo info;
  info.message = "no";
  info.row_index = 3;
  info.query = "SELECT f($1)";
  info.internal_query = "SELECT   1/0";
  info.context = "PL/pgSQL function f() line 3 at SQL statement";
  EXPECT_STREQ(QueryFailed(info).what(),
               "row 3: no\nQUERY: SELECT 1/0\nCONTEXT: PL/pgSQL function f() line 3 at SQL statement\n"
               "STATEMENT: SELECT f($1)");
}

TEST(Error, of_a_context_as_deep_as_the_stack_the_text_has_ten_lines) {
  ErrorInfo info;
  for (int i = 0; i < 5000; ++i) info.context += "SQL function \"f\" statement 1\n";
  const std::string text = QueryFailed(info).what();
  EXPECT_EQ(std::ranges::count(text, '\n'), 11);
  EXPECT_TRUE(text.ends_with("\n...")) << text;
}

TEST(Error, copying_does_not_throw_and_keeps_the_info) {
  static_assert(std::is_nothrow_copy_constructible_v<QueryFailed>);
  ErrorInfo info;
  info.constraint_name = "users_name_key";
  info.sqlstate = "23505"_sqlstate;
  const QueryFailed first(info);
  const QueryFailed second = first;
  EXPECT_EQ(second.info().constraint_name, "users_name_key");
  EXPECT_TRUE(second.is_unique_violation());
  EXPECT_TRUE(second.is_integrity_violation());
  EXPECT_FALSE(second.is_deadlock());
}

}  // namespace
}  // namespace copg
