// The hash of a statement's text, by which the pool finds again what it knows of the text: computed for each
// statement, in a third of the instructions of std::hash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace copg::sql {

/// The two halves of the product, folded into one word: each bit depends on all bits of both factors.
[[nodiscard]] constexpr std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// Two texts with one hash are not expected: 64 bits, evenly spread. Not against an adversary, who could
/// choose such texts.
[[nodiscard]] inline std::uint64_t text_hash(std::string_view text) noexcept {
  // Odd, with about as many ones as zeros: the fractions of the square roots of 2, 3 and 5.
  constexpr std::uint64_t first_key = 0x6A09E667F3BCC909;
  constexpr std::uint64_t second_key = 0xBB67AE8584CAA73B;
  constexpr std::uint64_t last_key = 0x3C6EF372FE94F82B;
  std::array<std::uint64_t, 2> words{};
  std::uint64_t hash = text.size() ^ last_key;  // also tells a text from the same one with zeros behind it
  while (text.size() >= sizeof words) {
    std::memcpy(words.data(), text.data(), sizeof words);
    hash = folded_product(words[0] ^ first_key, words[1] ^ second_key ^ hash);
    text.remove_prefix(sizeof words);
  }
  words = {};
  if (!text.empty()) std::memcpy(words.data(), text.data(), text.size());
  hash = folded_product(words[0] ^ first_key, words[1] ^ second_key ^ hash);
  return folded_product(hash ^ last_key, second_key);
}

}  // namespace copg::sql
