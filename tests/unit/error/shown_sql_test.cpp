// What an error shows of an SQL text.
#include "error/shown_sql.hpp"

#include <gtest/gtest.h>

#include <string>

namespace copg {
namespace {

TEST(ShownSql, a_text_stands_on_one_line) {
  EXPECT_EQ(on_one_line("\n  SELECT 1,\r\n\t 2  \n"), "SELECT 1, 2");
  EXPECT_EQ(on_one_line(""), "");
}

TEST(ShownSql, a_long_text_is_cut_between_two_characters) {
  const std::string exact(100, 'x');
  EXPECT_EQ(on_one_line(exact), exact);
  EXPECT_EQ(on_one_line(exact + "y"), std::string(97, 'x') + "...");
  std::string wide;
  for (int i = 0; i < 101; ++i) wide += "€";
  EXPECT_EQ(on_one_line(wide), wide.substr(0, std::size_t{97} * 3) + "...");
}

TEST(ShownSql, a_place_has_its_line_and_a_caret_below_it) {
  EXPECT_EQ(pointed_at("SELECT a, b", 8), "LINE 1: SELECT a, b\n               ^");
  EXPECT_EQ(pointed_at("SELECT\n\ta\nFROM t", 9), "LINE 2:  a\n         ^");
  EXPECT_EQ(pointed_at("SELECT", 7), "LINE 1: SELECT\n              ^") << "the end of the text";
}

TEST(ShownSql, a_place_is_counted_in_characters) {
  EXPECT_EQ(pointed_at("SELECT 'ä€', b", 14), "LINE 1: SELECT 'ä€', b\n                     ^");
}

TEST(ShownSql, of_a_long_line_the_surroundings_of_the_place_are_shown) {
  const std::string sql = std::string(100, 'a') + "!" + std::string(100, 'b');
  EXPECT_EQ(pointed_at(sql, 101), "LINE 1: ..." + std::string(60, 'a') + "!" + std::string(29, 'b') +
                                      "...\n" + std::string(71, ' ') + "^");
}

TEST(ShownSql, there_is_nothing_to_point_at_outside_the_text) {
  EXPECT_EQ(pointed_at("SELECT", 0), "");
  EXPECT_EQ(pointed_at("SELECT", 8), "");
  EXPECT_EQ(pointed_at("", 5), "");
}

}  // namespace
}  // namespace copg
