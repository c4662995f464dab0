// A growing sequence of characters, to which parameters are encoded. The object itself holds short ones.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// What a Codec writes to. Not thread-safe; growing may throw std::bad_alloc.
class Buffer {
 public:
  void append(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void push_back(char c) { bytes_.push_back(c); }
  void clear() noexcept { bytes_.clear(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] const char* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] char* data() noexcept { return bytes_.data(); }
  /// Valid until the next change.
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), bytes_.size()}; }

 private:
  static constexpr std::size_t inline_size = 256;
  boost::container::small_vector<char, inline_size> bytes_;
};

}  // namespace copg
#pragma GCC visibility pop
