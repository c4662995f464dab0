// SqlState: packing, comparing, asking.
#include <copg/sqlstate.hpp>

#include <gtest/gtest.h>

namespace copg {
namespace {

TEST(SqlState, gives_back_the_text_it_was_made_of) {
  for (const char* text : {"00000", "23505", "40P01", "ZZZZZ", "3D000", "XX000"}) {
    EXPECT_EQ(SqlState(text).text(), text);
    EXPECT_FALSE(SqlState(text).empty());
  }
}

TEST(SqlState, is_empty_when_the_text_is_not_five_digits_or_capitals) {
  for (const char* text : {"", "2350", "235055", "2350a", "23 05", "23\xC3\xA4"}) {
    EXPECT_TRUE(SqlState(text).empty()) << text;
    EXPECT_EQ(SqlState(text).text(), "");
  }
  EXPECT_EQ(SqlState(), SqlState(""));
}

TEST(SqlState, distinguishes_success_from_silence) { EXPECT_NE(SqlState("00000"), SqlState()); }

TEST(SqlState, literals_are_constants) {
  static_assert("23505"_sqlstate == SqlState("23505"));
  static_assert("23505"_sqlstate != "23503"_sqlstate);
}

TEST(SqlState, compares_classes) {
  EXPECT_TRUE("23505"_sqlstate.same_class("23503"_sqlstate));
  EXPECT_FALSE("23505"_sqlstate.same_class("24505"_sqlstate));
  EXPECT_TRUE("08006"_sqlstate.in_class("08"));
  EXPECT_FALSE("08006"_sqlstate.in_class("80"));
  EXPECT_FALSE(SqlState().in_class(""));
  EXPECT_FALSE(SqlState().in_class("  "));
}

TEST(SqlState, predicates_name_their_condition_and_no_other) {
  EXPECT_TRUE(is_unique_violation("23505"_sqlstate));
  EXPECT_TRUE(is_foreign_key_violation("23503"_sqlstate));
  EXPECT_TRUE(is_check_violation("23514"_sqlstate));
  EXPECT_TRUE(is_not_null_violation("23502"_sqlstate));
  EXPECT_TRUE(is_serialization_failure("40001"_sqlstate));
  EXPECT_TRUE(is_deadlock("40P01"_sqlstate));
  EXPECT_TRUE(is_query_canceled("57014"_sqlstate));
  EXPECT_TRUE(is_read_only("25006"_sqlstate));
  EXPECT_TRUE(is_too_many_connections("53300"_sqlstate));
  EXPECT_TRUE(is_invalid_authorization("28P01"_sqlstate));
  EXPECT_TRUE(is_undefined_database("3D000"_sqlstate));
  EXPECT_FALSE(is_unique_violation("23503"_sqlstate));
  EXPECT_FALSE(is_unique_violation(SqlState()));
}

TEST(SqlState, a_connection_exception_is_class_08_or_a_server_going_down) {
  for (const char* text : {"08000", "08006", "57P01", "57P02", "57P03"}) {
    EXPECT_TRUE(is_connection_exception(SqlState(text))) << text;
  }
  for (const char* text : {"57014", "57P04", "57P05", "53300", "00000", ""}) {
    EXPECT_FALSE(is_connection_exception(SqlState(text))) << text;
  }
}

}  // namespace
}  // namespace copg
