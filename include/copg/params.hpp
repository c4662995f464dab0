// The parameters of a statement, encoded: what $1, $2, ... stand for.
#pragma once

#include <copg/buffer.hpp>
#include <copg/codec.hpp>

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// Holds copies of all values, so that it outlives what it was made from. A few short parameters need no
/// allocation. Copyable, movable. Not thread-safe, not even for reading, because `values` fills a cache.
class Params {
 public:
  /// The PostgreSQL protocol counts parameters in 16 bits.
  static constexpr int max_size = 65535;

  /// Appends one parameter. Throws DataError if the value can't be sent (a NUL in a string, a date that does
  /// not exist, a GiB of parameters), UsageError beyond max_size. An error appends nothing.
  template <class T>
  requires Encodable<T> Params& add(const T& value) {
    const Oid type = detail::oid_of<T>(value);
    if (detail::is_null<T>(value)) {
      append(null_value, type, false);
      return *this;
    }
    const std::size_t begin = text_.size();
    constexpr bool binary = requires { Codec<T>::encode_binary(value, text_); };
    if constexpr (binary) {
      Codec<T>::encode_binary(value, text_);
    } else {
      Codec<T>::encode(value, text_);
    }
    append(begin, type, binary);
    return *this;
  }
  /// Removes all parameters, but keeps the memory.
  void clear() noexcept;

  [[nodiscard]] bool empty() const noexcept { return types_.empty(); }

  // What libpq takes: parallel arrays of size() elements, valid until the next change.
  [[nodiscard]] int size() const noexcept { return static_cast<int>(types_.size()); }
  /// Each NUL-terminated; nullptr for NULL.
  [[nodiscard]] const char* const* values() const;
  /// In bytes; 0 for NULL.
  [[nodiscard]] const int* lengths() const noexcept { return lengths_.data(); }
  /// 0: text, 1: binary.
  [[nodiscard]] const int* formats() const noexcept { return formats_.data(); }
  [[nodiscard]] const Oid* types() const noexcept { return types_.data(); }

 private:
  static constexpr std::size_t inline_count = 8;
  static constexpr std::size_t null_value = static_cast<std::size_t>(-1);
  template <class T>
  using Array = boost::container::small_vector<T, inline_count>;

  /// Ends the value that starts at `begin`.
  void append(std::size_t begin, Oid type, bool binary);

  Buffer text_;
  Array<std::size_t> offsets_;
  Array<int> lengths_;
  Array<int> formats_;
  Array<Oid> types_;
  mutable Array<const char*> values_;  ///< Made from the offsets on demand, since text_ moves when it grows.
};

/// params(1, "x", std::nullopt) makes $1, $2 and $3.
template <class... Args>
requires(Encodable<Args>&&...) [[nodiscard]] Params params(const Args&... args) {
  Params result;
  (result.add(args), ...);
  return result;
}

}  // namespace copg
#pragma GCC visibility pop
