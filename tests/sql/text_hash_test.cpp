#include "sql/text_hash.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace copg::sql {
namespace {

TEST(TextHash, depends_on_each_byte_and_on_the_length) {
  std::unordered_set<std::uint64_t> seen;
  for (std::size_t size = 0; size <= 70; ++size) {
    std::string text(size, '\0');
    EXPECT_TRUE(seen.insert(text_hash(text)).second) << "zeros: " << size;
    for (std::size_t i = 0; i < size; ++i) {
      text[i] = 'a';
      EXPECT_TRUE(seen.insert(text_hash(text)).second) << "byte " << i << " of " << size;
      text[i] = '\0';
    }
  }
}

TEST(TextHash, reads_nothing_behind_the_text) {
  const std::string longer = "SELECT name FROM users WHERE id = $1";
  for (std::size_t size = 0; size < longer.size(); ++size) {
    const std::string exact = longer.substr(0, size);
    EXPECT_EQ(text_hash(std::string_view(longer).substr(0, size)), text_hash(exact)) << size;
  }
}

TEST(TextHash, spreads_texts_that_differ_in_a_number) {
  std::unordered_set<std::uint64_t> seen;
  std::array<int, 256> places{};
  constexpr int texts = 25'600;
  for (int i = 0; i < texts; ++i) {
    const std::uint64_t hash = text_hash("SELECT * FROM t WHERE id = " + std::to_string(i));
    EXPECT_TRUE(seen.insert(hash).second) << i;
    ++places[hash % places.size()];
  }
  for (const int count : places) {  // 100 expected, with a standard deviation of 10
    EXPECT_GT(count, 40);
    EXPECT_LT(count, 170);
  }
}

TEST(TextHash, changes_half_of_its_bits_with_any_bit_of_the_text) {
  const std::string text = "SELECT name FROM users WHERE id = $1";
  double changed = 0;
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string other = text;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    const int bits = std::popcount(text_hash(text) ^ text_hash(other));
    EXPECT_GT(bits, 10) << bit;
    changed += bits;
  }
  EXPECT_NEAR(changed / static_cast<double>(text.size() * 8), 32, 1);
}

}  // namespace
}  // namespace copg::sql
