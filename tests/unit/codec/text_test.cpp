// Strings, bytes, UUIDs, JSON, and a type of the user's own.
#include <copg/codec/text.hpp>

#include <unordered_set>

#include "encoded.hpp"
#include "support/refusal.hpp"

enum class Colour { red, blue };

// The example of codec/codec.hpp.
template <>
struct copg::Codec<Colour> {
  static constexpr copg::Oid oid = copg::oid::inferred;  // the number of a user's type differs by database
  static void encode(const Colour& colour, copg::Buffer& out) {
    out.append(colour == Colour::red ? "red" : "blue");
  }
  static Colour decode(std::string_view text) {
    if (text == "red") return Colour::red;
    if (text == "blue") return Colour::blue;
    throw copg::DataError("no such colour");
  }
};

namespace copg {
namespace {

using namespace std::string_literals;
using test::contains;
using test::decoded;
using test::encoded;
using test::message_of;

std::vector<std::byte> bytes(std::string_view text) {
  std::vector<std::byte> result;
  for (const char c : text) result.push_back(static_cast<std::byte>(c));
  return result;
}

TEST(String, a_nul_inside_is_an_error_that_says_where) {
  EXPECT_TRUE(contains(message_of<DataError>([] { static_cast<void>(encoded("ab\0c"s)); }), "byte 2"));
  EXPECT_THROW(static_cast<void>(encoded(Json{"\0"s})), DataError);
}

TEST(String, an_array_of_characters_ends_at_its_first_nul) {
  const char padded[8] = "abc";
  EXPECT_EQ(encoded(padded), "abc");
  const char full[3] = {'a', 'b', 'c'};
  EXPECT_EQ(encoded(full), "abc");
}

TEST(String, a_null_pointer_is_null) {
  EXPECT_TRUE(detail::is_null<const char*>(nullptr));
  EXPECT_FALSE(detail::is_null<const char*>(""));
}

TEST(Bytes, every_value_survives_both_output_styles) {
  std::vector<std::byte> all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<std::byte>(i));
  EXPECT_EQ(decoded<std::vector<std::byte>>(encoded(all)), all);
  EXPECT_EQ(decoded<std::vector<std::byte>>(R"(a\\b\000\377)"), bytes("a\\b\0\377"s));
  EXPECT_EQ(decoded<std::vector<std::byte>>(""), bytes(""));
  EXPECT_EQ(decoded<std::vector<std::byte>>("\\x"), bytes(""));
}

TEST(Bytes, what_is_malformed_is_an_error) {
  for (const char* text : {"\\x0", "\\xzz", "\\", "\\4", "\\400", "\\08", "a\\"}) {
    EXPECT_THROW(static_cast<void>(decoded<std::vector<std::byte>>(text)), DataError) << text;
  }
}

TEST(Bytes, an_array_takes_exactly_its_own_number) {
  EXPECT_EQ((decoded<std::array<std::byte, 2>>("\\x0102")), (std::array{std::byte{1}, std::byte{2}}));
  EXPECT_THROW((static_cast<void>(decoded<std::array<std::byte, 3>>("\\x0102"))), DataError);
}

TEST(Uuid, survives_the_round_trip) {
  std::mt19937 random(4);
  for (int i = 0; i < 1000; ++i) {
    Uuid uuid;
    for (auto& byte : uuid.bytes) byte = static_cast<std::uint8_t>(random());
    EXPECT_EQ(decoded<Uuid>(encoded(uuid)), uuid);
  }
}

TEST(Uuid, is_read_in_the_forms_that_the_server_reads) {
  const std::string plain = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
  const Uuid uuid = Uuid::parse(plain).value();
  EXPECT_EQ(uuid.to_string(), plain);
  EXPECT_EQ(Uuid::parse("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), uuid);
  EXPECT_EQ(Uuid::parse("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"), uuid);
  EXPECT_EQ(Uuid::parse("a0eebc999c0b4ef8bb6d6bb9bd380a11"), uuid);
  EXPECT_EQ(Uuid::parse("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11"), uuid);
}

TEST(Uuid, nothing_else_is_one) {
  for (const char* text :
       {"", "{}", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
        "-a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0e-ebc999c0b4ef8bb6d6bb9bd380a11",
        "a0ee--bc999c0b4ef8bb6d6bb9bd380a11", "g0eebc999c0b4ef8bb6d6bb9bd380a11",
        "a0eebc999c0b4ef8bb6d6bb9bd380a1122", "{a0eebc999c0b4ef8bb6d6bb9bd380a11"}) {
    EXPECT_FALSE(Uuid::parse(text)) << text;
  }
}

TEST(Uuid, can_be_a_key_of_a_hash_table) {
  std::unordered_set<Uuid> set;
  set.insert(Uuid{});
  EXPECT_TRUE(set.contains(Uuid{}));
}

TEST(Optional, takes_on_the_type_inside_and_null) {
  EXPECT_EQ(Codec<std::optional<int>>::oid, oid::int4);
  EXPECT_TRUE(detail::is_null(std::optional<int>()));
  EXPECT_TRUE(detail::is_null(std::optional<const char*>(nullptr)));
  EXPECT_EQ(encoded(std::optional<int>(5)), "5");
  EXPECT_EQ(decoded<std::optional<int>>("5"), 5);
  EXPECT_FALSE(detail::accepts<std::optional<int>>(oid::text));
}

TEST(UserCodec, is_all_that_a_type_needs) {
  static_assert(Encodable<Colour> && Decodable<Colour> && Encodable<std::optional<Colour>>);
  static_assert(!Encodable<char> && !Encodable<void*> && !Decodable<const char*>);
  EXPECT_EQ(encoded(Colour::blue), "blue");
  EXPECT_EQ(decoded<Colour>("red"), Colour::red);
  EXPECT_TRUE(detail::accepts<Colour>(54321));
  EXPECT_TRUE(contains(detail::name_of<Colour>(), "Colour")) << detail::name_of<Colour>();
}

TEST(Text, a_reader_never_crashes) {
  const std::vector<std::string> seeds = {"\\x0123abcd", R"(a\\b\000\377)",
                                          "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{}"};
  test::never_crashes<DataError>(
      seeds, [](std::string_view text) { static_cast<void>(decoded<std::vector<std::byte>>(text)); });
  test::never_crashes<DataError>(seeds,
                                 [](std::string_view text) { static_cast<void>(decoded<Uuid>(text)); });
}

}  // namespace
}  // namespace copg
