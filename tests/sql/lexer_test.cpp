// The tokens of SQL text, rule by rule. oracle_test.cpp holds the same lexer against PostgreSQL's scanner.
#include "sql/lexer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sql/made_up_text.hpp"

namespace copg::sql {
namespace {

char letter_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::end: return 'E';
    case TokenKind::word: return 'w';
    case TokenKind::quoted_name: return 'q';
    case TokenKind::string: return 's';
    case TokenKind::number: return 'n';
    case TokenKind::parameter: return 'p';
    case TokenKind::comment: return 'c';
    case TokenKind::symbol: return 'o';
  }
  return '?';
}

using Tokens = std::vector<std::string>;

/// Each token as the letter of its kind, a colon, and its text.
Tokens tokens(std::string_view sql) {
  Tokens result;
  Lexer lexer(sql);
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next())
    result.push_back(letter_of(token.kind) + (":" + std::string(token.text)));
  return result;
}

TEST(Lexer, a_statement_is_words_numbers_parameters_and_symbols) {
  EXPECT_EQ(tokens("SELECT t.id, 1 FROM t$1 WHERE id>=$12;"),
            (Tokens{"w:SELECT", "w:t", "o:.", "w:id", "o:,", "n:1", "w:FROM", "w:t$1", "w:WHERE", "w:id",
                    "o:>=", "p:$12", "o:;"}));
  EXPECT_EQ(tokens(" \t\n\r\f\v"), Tokens{});
  EXPECT_EQ(tokens("größe_1"), Tokens{"w:größe_1"});
}

TEST(Lexer, a_doubled_quote_is_part_of_a_string_and_of_a_name) {
  EXPECT_EQ(tokens("'it''s' \"a\"\"b\" ''"), (Tokens{"s:'it''s'", "q:\"a\"\"b\"", "s:''"}));
}

TEST(Lexer, a_prefix_belongs_to_the_quote_that_follows_at_once) {
  EXPECT_EQ(tokens("e'\\'' B'1' x'f' n'a' U&'b' u&\"c\""),
            (Tokens{"s:e'\\''", "s:B'1'", "s:x'f'", "s:n'a'", "s:U&'b'", "q:u&\"c\""}));
  EXPECT_EQ(tokens("e 'a' note'b' U & 'c' b\"d\""),
            (Tokens{"w:e", "s:'a'", "w:note", "s:'b'", "w:U", "o:&", "s:'c'", "w:b", "q:\"d\""}));
}

TEST(Lexer, a_backslash_means_something_in_an_escape_string_alone) {
  EXPECT_EQ(tokens("'a\\' 'b'"), (Tokens{"s:'a\\'", "s:'b'"}));
  EXPECT_EQ(tokens("E'a\\' ''b'"), Tokens{"s:E'a\\' ''b'"});
  EXPECT_EQ(tokens("1E'\\''"), (Tokens{"n:1", "s:E'\\''"}));
}

TEST(Lexer, a_string_goes_on_in_another_line) {
  EXPECT_EQ(tokens("E'a'\n'\\''"), Tokens{"s:E'a'\n'\\''"});
  EXPECT_EQ(tokens("'a' -- one\r\n-- two\n 'b'"), Tokens{"s:'a' -- one\r\n-- two\n 'b'"});
  EXPECT_EQ(tokens("'a' 'b'"), (Tokens{"s:'a'", "s:'b'"}));
  EXPECT_EQ(tokens("'a' /* \n */ 'b'"), (Tokens{"s:'a'", "c:/* \n */", "s:'b'"}));
  EXPECT_EQ(tokens("'a' --one"), (Tokens{"s:'a'", "c:--one"}));
  EXPECT_EQ(tokens("\"a\"\n\"b\""), (Tokens{"q:\"a\"", "q:\"b\""}));
}

TEST(Lexer, a_dollar_quote_ends_with_its_own_tag) {
  EXPECT_EQ(tokens("$$a'b$$ $x$a$$b$y$c$x$"), (Tokens{"s:$$a'b$$", "s:$x$a$$b$y$c$x$"}));
  EXPECT_EQ(tokens("a$$b"), Tokens{"w:a$$b"});
  EXPECT_EQ(tokens("$1$$a$$"), (Tokens{"p:$1", "s:$$a$$"}));
  EXPECT_EQ(tokens("$a b$"), (Tokens{"o:$", "w:a", "w:b$"}));
}

TEST(Lexer, comments_end_with_their_line_or_with_the_last_of_those_nested_in_them) {
  EXPECT_EQ(tokens("1--a\r2--b\n3--"), (Tokens{"n:1", "c:--a", "n:2", "c:--b", "n:3", "c:--"}));
  EXPECT_EQ(tokens("/*/ a /* b */ c **/1"), (Tokens{"c:/*/ a /* b */ c **/", "n:1"}));
  EXPECT_EQ(tokens("/* ' */ 'a'"), (Tokens{"c:/* ' */", "s:'a'"}));
  Lexer lexer("/* a */ -- b\nc");
  EXPECT_EQ(lexer.next_but_comments().text, "c");
  EXPECT_EQ(lexer.next_but_comments().kind, TokenKind::end);
}

TEST(Lexer, a_number_has_a_fraction_an_exponent_or_a_base) {
  EXPECT_EQ(tokens("1.5 .5 2. 1e5 1.5E-3 1_000 0x1F"),
            (Tokens{"n:1.5", "n:.5", "n:2.", "n:1e5", "n:1.5E-3", "n:1_000", "n:0x1F"}));
  EXPECT_EQ(tokens("1..2 1e 1e+ 0x"),
            (Tokens{"n:1", "o:..", "n:2", "n:1", "w:e", "n:1", "w:e", "o:+", "n:0", "w:x"}));
}

TEST(Lexer, an_operator_is_as_long_as_it_can_be) {
  EXPECT_EQ(tokens("a->>b=-1 @-2 <=>"),
            (Tokens{"w:a", "o:->>", "w:b", "o:=", "o:-", "n:1", "o:@-", "n:2", "o:<=>"}));
  EXPECT_EQ(tokens("a::b:=c::d[1:2]"),
            (Tokens{"w:a", "o:::", "w:b", "o::=", "w:c", "o:::", "w:d", "o:[", "n:1", "o::", "n:2", "o:]"}));
  EXPECT_EQ(tokens("1+--2\n3*/*4*/5"), (Tokens{"n:1", "o:+", "c:--2", "n:3", "o:*", "c:/*4*/", "n:5"}));
}

TEST(Lexer, what_never_ends_reaches_to_the_end_of_the_text) {
  for (const char* sql : {"'a", "E'a\\", "E'a\\'", "\"a", "$$a$", "$x$a$$", "/* a /* */", "U&'", "--a"}) {
    EXPECT_EQ(tokens(sql).size(), 1U) << sql;
  }
}

TEST(Lexer, reading_can_begin_in_the_middle) {
  const std::string_view sql = "%s'a'";
  EXPECT_EQ(Lexer(sql, 2).next().text, "'a'");
}

TEST(Lexer, tokens_stand_in_their_order_and_only_white_space_is_left_between_them) {
  MadeUpText text(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::string made = text.next();
    // On the heap and as long as the text, so that the address sanitizer sees a step too far.
    const std::vector<char> exact(made.begin(), made.end());
    const std::string_view sql(exact.data(), exact.size());
    std::size_t at = 0;
    Lexer lexer(sql);
    for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
      ASSERT_FALSE(token.text.empty()) << made;
      const auto begin = static_cast<std::size_t>(token.text.data() - sql.data());
      ASSERT_EQ(sql.substr(at, begin - at).find_first_not_of(" \t\n\r\f\v"), std::string_view::npos) << made;
      at = begin + token.text.size();
    }
    ASSERT_EQ(sql.substr(at).find_first_not_of(" \t\n\r\f\v"), std::string_view::npos) << made;
  }
}

}  // namespace
}  // namespace copg::sql
