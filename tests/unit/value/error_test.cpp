// Errors: the class fits the kind, and the text says everything.
#include <copg/error.hpp>

#include <gtest/gtest.h>

#include <type_traits>

#include "support.hpp"

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
