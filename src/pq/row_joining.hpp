// How many rows of an execute_many travel in one INSERT: docs/adr/0041-rows-are-joined.md.
#pragma once

#include <cstddef>

namespace copg::pq {

/// Calls with fewer rows than this travel row by row: they would gain less than the question about the table
/// costs.
inline constexpr std::size_t fewest_joined_rows = 128;
/// Rows of one INSERT at most. With more the server gets slower again.
inline constexpr std::size_t most_joined_rows = 128;
/// Parameters of one INSERT at most; the protocol would take 65,535.
inline constexpr std::size_t most_joined_parameters = 2048;
/// Rows of fewer are not worth joining.
inline constexpr std::size_t fewest_rows_of_insert = 4;

/// Rows that one INSERT takes at most, each of so many parameters: a power of two, or 1 where they are not
/// joined.
[[nodiscard]] constexpr std::size_t most_rows_of_insert(int parameters) noexcept {
  if (parameters < 1) return 1;
  std::size_t rows = most_joined_rows;
  while (rows * static_cast<std::size_t>(parameters) > most_joined_parameters) rows /= 2;
  return rows < fewest_rows_of_insert ? 1 : rows;
}

/// Rows that the next INSERT takes, of `waiting`: `most`, or 0 where it is better to wait for more. If no
/// more can come it is the greatest power of two, so that one text makes few different statements.
[[nodiscard]] constexpr std::size_t rows_of_next_insert(std::size_t waiting, std::size_t most,
                                                        bool more_may_come) noexcept {
  if (waiting >= most) return most;
  if (more_may_come || waiting == 0) return 0;
  std::size_t rows = 1;
  while (rows * 2 <= waiting) rows *= 2;
  return rows;
}

}  // namespace copg::pq
