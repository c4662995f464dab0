// The parts of composite values, ranges and multiranges, as their texts quote them (documentation 8.16.6
// and 8.17.5).
#pragma once

#include <copg/codec/codec.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// Reads parts from front to back.
class PartReader {
 public:
  explicit PartReader(std::string_view text) : text_(text) {}
  /// Steps over a bracket or another mark, which must be `a` or `b`, and returns it. Throws DataError.
  char step_over(char a, char b);
  /// The next part without its quotes, or nothing where nothing stands; steps over `end` behind it. Throws
  /// DataError if that is not there. Valid until the next call.
  std::optional<std::string_view> part(char end);
  /// Nothing is left.
  [[nodiscard]] bool done() const noexcept { return position_ == text_.size(); }
  /// What ends the next part: `a` or `b`. Throws DataError.
  [[nodiscard]] char end_of_next(char a, char b) const;
  [[noreturn]] void fail() const;

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  std::string scratch_;
};

/// Appends a part, quoted.
void append_part(std::string_view part, Buffer& out);
[[noreturn]] void reject_null_part(std::string_view what);

/// Appends a value, or nothing for NULL.
template <class T>
void encode_part(const T& value, Buffer& out) {
  if (is_null<T>(value)) return;
  Buffer text;
  Codec<T>::encode(value, text);
  append_part(text.view(), out);
}

/// `what`: which part it is.
template <class T>
T decode_part(const std::optional<std::string_view>& text, std::string_view what) {
  if (text) return Codec<T>::decode(*text);
  if constexpr (HoldsNull<T>) return Codec<T>::null();
  reject_null_part(what);
}

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
