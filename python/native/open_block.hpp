// A transaction() block of Python's that has been entered and not left: what both kinds of connections keep.
#pragma once

#include <nanobind/nanobind.h>

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "python/native/location.hpp"

namespace copg::engine {
class SavepointOptions;
}  // namespace copg::engine

namespace copg::python {

namespace nb = nanobind;

struct OpenBlock {
  std::uint64_t number = 0;                             ///< Of a connection; none comes twice.
  std::string entered_at;                               ///< file:line
  int savepoint = 0;                                    ///< Its number; 0: the transaction itself.
  std::shared_ptr<engine::SavepointOptions> options{};  ///< Of a savepoint in asyncio; null: none.
};

[[nodiscard]] inline std::string text_of_place(const SourceLocation& where) {
  return fmt::format("{}:{}", where.file_name(), where.line());
}

/// For a person: "app.py:12, app.py:20".
template <class Block>
[[nodiscard]] std::string places_of(const std::vector<Block>& blocks) {
  std::string places;
  for (const OpenBlock& block : blocks) {
    if (!places.empty()) places += ", ";
    places += block.entered_at;
  }
  return places;
}

/// For pycopg.connection.tell_left_open: where they were entered, and whether the outermost is a savepoint.
template <std::derived_from<OpenBlock> Block>
[[nodiscard]] nb::object for_python(const std::vector<Block>& blocks) {
  if (blocks.empty()) return nb::none();
  return nb::make_tuple(places_of(blocks), blocks.front().savepoint != 0);
}

/// What a block is told that can't be committed, since `inside` were never left.
template <class Block>
[[nodiscard]] std::string left_open_text(const std::vector<Block>& inside) {
  return fmt::format(
      "a transaction() block inside this one was never left, so this one is rolled back: it was entered at "
      "{}",
      places_of(inside));
}

inline constexpr const char* ended_already =
    "this transaction() block has ended already, by itself or with the one around it";

}  // namespace copg::python
