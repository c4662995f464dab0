// A copy of a text in memory of its own size, for what may outlive the text and must not allocate.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace copg::engine {

/// A text that is longer is cut off, never inside a character; and at a NUL.
template <std::size_t Bytes>
class CutText {
 public:
  CutText() = default;
  explicit CutText(std::string_view text) noexcept {
    std::size_t size = std::min(text.size(), Bytes);
    constexpr auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; };
    while (size > 0 && size < text.size() && continues(text[size])) --size;
    std::copy_n(text.begin(), size, text_.begin());
  }
  [[nodiscard]] bool empty() const noexcept { return text_[0] == '\0'; }
  [[nodiscard]] std::string_view view() const noexcept { return text_.data(); }
  void clear() noexcept { text_[0] = '\0'; }

 private:
  std::array<char, Bytes + 1> text_{};
};

}  // namespace copg::engine
