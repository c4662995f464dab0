// How many rows travel together: pure decisions, and the texts and the memory that they need.
#include "pq/row_joining.hpp"

#include <gtest/gtest.h>

#include "pq/insert_target.hpp"
#include "pq/kept_rows.hpp"

namespace copg::pq {
namespace {

TEST(RowJoining, one_statement_takes_a_power_of_two_of_rows_and_a_bounded_number_of_parameters) {
  EXPECT_EQ(most_rows_of_insert(0), 1U);
  EXPECT_EQ(most_rows_of_insert(1), 128U);
  EXPECT_EQ(most_rows_of_insert(16), 128U);
  EXPECT_EQ(most_rows_of_insert(17), 64U);
  EXPECT_EQ(most_rows_of_insert(512), 4U);
  EXPECT_EQ(most_rows_of_insert(513), 1U);
  EXPECT_EQ(most_rows_of_insert(Params::max_size), 1U);
  for (int parameters = 1; parameters <= Params::max_size; ++parameters) {
    const std::size_t rows = most_rows_of_insert(parameters);
    ASSERT_EQ(rows & (rows - 1), 0U);
    ASSERT_TRUE(rows == 1 || rows * static_cast<std::size_t>(parameters) <= most_joined_parameters);
  }
}

TEST(RowJoining, what_is_left_travels_in_powers_of_two) {
  EXPECT_EQ(rows_of_next_insert(500, 128, true), 128U);
  EXPECT_EQ(rows_of_next_insert(128, 128, false), 128U);
  EXPECT_EQ(rows_of_next_insert(127, 128, true), 0U);
  EXPECT_EQ(rows_of_next_insert(127, 128, false), 64U);
  EXPECT_EQ(rows_of_next_insert(3, 128, false), 2U);
  EXPECT_EQ(rows_of_next_insert(1, 128, false), 1U);
  EXPECT_EQ(rows_of_next_insert(0, 128, false), 0U);
}

TEST(RowJoining, the_row_of_a_text_is_repeated_with_parameters_of_its_own) {
  const std::string_view sql = "INSERT INTO t (a, b) VALUES ($2, '$1', $1::int) ; -- $1";
  const auto insert = sql::plain_insert(sql);
  ASSERT_TRUE(insert);
  EXPECT_EQ(text_of_rows(sql, *insert, 1), sql);
  EXPECT_EQ(
      text_of_rows(sql, *insert, 3),
      "INSERT INTO t (a, b) VALUES ($2, '$1', $1::int),($4, '$1', $3::int),($6, '$1', $5::int) ; -- $1");
}

TEST(KeptRows, gives_rows_back_as_they_were_and_knows_which_are_alike) {
  KeptRows rows(2);
  for (int i = 0; i < 10; ++i) {
    Params row;
    row.add(i == 3 ? std::optional<std::int32_t>() : std::optional<std::int32_t>(i));
    if (i < 6) {
      row.add("text " + std::to_string(i));
    } else {
      row.add(std::int64_t{i});  // strings have no type: it fits
    }
    rows.add(row);
  }
  Params other;
  other.add(true).add("x");
  rows.add(other);
  EXPECT_EQ(rows.size(), 11U);
  EXPECT_EQ(rows.alike_from(0), 10U);
  EXPECT_EQ(rows.alike_from(4), 6U);
  EXPECT_EQ(rows.alike_from(10), 1U);
  EXPECT_EQ(rows.alike_from(11), 0U);
  const KeptRows::Values values = rows.values(3, 2);
  ASSERT_EQ(values.size, 4);
  EXPECT_EQ(values.values[0], nullptr);
  EXPECT_STREQ(values.values[1], "text 3");
  EXPECT_STREQ(values.values[2], "4");
  EXPECT_EQ(values.lengths[3], 6);
  EXPECT_EQ(rows.types_of(10)[0], oid::boolean);
  EXPECT_EQ(rows.bytes_of(3, 2), 6U + 1U + 6U);
  rows.clear();
  EXPECT_EQ(rows.size(), 0U);
  EXPECT_EQ(rows.alike_from(0), 0U);
}

}  // namespace
}  // namespace copg::pq
