// The placeholders of an SQL text, and its first words.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace copg::pq {

/// $`number`.
struct Placeholder {
  int number = 0;
  std::size_t at = 0;  ///< The position of its dollar sign, in bytes.
  std::size_t size = 0;
};
[[nodiscard]] std::vector<Placeholder> placeholders_in(std::string_view sql);

/// The first words of the text, at most `count`. Quoted names are not words.
[[nodiscard]] std::vector<std::string_view> first_words(std::string_view sql, std::size_t count);

}  // namespace copg::pq
