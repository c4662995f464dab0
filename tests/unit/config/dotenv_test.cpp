// .env files.
#include "config/dotenv.hpp"

#include <copg/error.hpp>

#include "environment.hpp"
#include "support/refusal.hpp"

namespace copg::detail {
namespace {

using test::contains;
using test::message_of;

TEST(Dotenv, lines_are_keys_and_values) {
  const Variables read = parse_dotenv(
      "\xEF\xBB\xBF# a comment\n"
      "A=1\r\n"
      "  export B = two words  # and a comment\n"
      "\n"
      "C=a#b\n"
      "D=\n"
      "E=#nothing\n"
      "F\n"
      "A=last wins\n"
      "G=$HOME",
      "x");
  EXPECT_EQ(read,
            (Variables{
                {"A", "last wins"}, {"B", "two words"}, {"C", "a#b"}, {"D", ""}, {"E", ""}, {"G", "$HOME"}}));
}

TEST(Dotenv, quotes_keep_what_is_inside) {
  const Variables read = parse_dotenv(
      "A='sin\\gle # \\' \\\\ \\n'\n"
      "B=\"dou\\\"ble\\n\\t\\\\ \\$x \\q\" # comment\n"
      "C=\"two\nlines\"\n"
      "D='p a$s'\n",
      "x");
  EXPECT_EQ(read.at("A"), "sin\\gle # ' \\ \\n");
  EXPECT_EQ(read.at("B"), "dou\"ble\n\t\\ $x \\q");
  EXPECT_EQ(read.at("C"), "two\nlines");
  EXPECT_EQ(read.at("D"), "p a$s");
}

TEST(Dotenv, a_bad_line_is_named_without_its_value) {
  const auto objection = [](const char* text) {
    return message_of<ConfigurationError>([&] { static_cast<void>(parse_dotenv(text, "/x/.env")); });
  };
  EXPECT_TRUE(contains(objection("A=1\nPASSWORD=\"s3cret"), "/x/.env:2"));
  EXPECT_FALSE(contains(objection("A=1\nPASSWORD=\"s3cret"), "s3cret"));
  EXPECT_TRUE(contains(objection("A='1'\n\nB='1' x"), "/x/.env:3"));
  EXPECT_TRUE(contains(objection("A=\"1\n2\"\n=x"), "/x/.env:3"));
  EXPECT_NE(objection("A B"), "");
}

TEST(Dotenv, is_found_in_the_folder_or_above_it) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "a/b");
  std::filesystem::create_directory(folder.path() / "a/.env");  // a folder is none
  const auto file = folder.write(".env", "A=1");
  EXPECT_EQ(find_dotenv(folder.path() / "a/b"), file);
  EXPECT_EQ(find_dotenv(folder.path()), file);
  EXPECT_EQ(read_dotenv(file).at("A"), "1");
  EXPECT_THROW(static_cast<void>(read_dotenv(folder.path() / "none")), ConfigurationError);
  EXPECT_THROW(static_cast<void>(read_dotenv(folder.path() / "a")), ConfigurationError);
}

TEST(Dotenv, a_reader_never_crashes) {
  test::never_crashes<ConfigurationError>(
      {"export A = 'x\\'y' # z\n", "B=\"a\\nb\n\"\n", "C=d # e\r\n", "#\n", "="},
      [](std::string_view text) { static_cast<void>(parse_dotenv(text, "x")); });
}

}  // namespace
}  // namespace copg::detail
