// One value of a row.
#pragma once

#include <copg/codec.hpp>
#include <copg/detail/result_data.hpp>

#include <string_view>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {
[[noreturn]] void reject_no_row(std::string_view wanted);
[[noreturn]] void reject_null(const Column& column, std::string_view wanted);
[[noreturn]] void reject_type(const Column& column, std::string_view wanted);
/// For the handler of a DataError: throws another that also names the column, its type and `wanted`.
[[noreturn]] void reject_value(const Column& column, std::string_view wanted);

/// What Field::as does. `accepted`: the column's type is known to fit.
template <class T>
T read_cell(const Column& column, Cell cell, bool accepted) {
  if (!accepted && !accepts<T>(column.type)) reject_type(column, name_of<T>());
  if (cell.data == nullptr) [[unlikely]] {
    if constexpr (HoldsNull<T>) {
      return Codec<T>::null();
    } else {
      reject_null(column, name_of<T>());
    }
  }
  try {
    return Codec<T>::decode({cell.data, cell.size});
  } catch (const DataError&) {
    reject_value(column, name_of<T>());
  }
}
}  // namespace detail

/// A view into a Result, valid as long as the Result or a copy of it lives. Reading is thread-safe.
class Field {
 public:
  [[nodiscard]] bool is_null() const noexcept { return cell_.data == nullptr; }
  /// The server's text; empty for NULL.
  [[nodiscard]] std::string_view text() const noexcept { return {cell_.data, cell_.size}; }
  /// NUL-terminated; nullptr for NULL.
  [[nodiscard]] const char* c_str() const noexcept { return cell_.data; }
  // The column's.
  [[nodiscard]] std::string_view name() const noexcept { return column_->name; }
  [[nodiscard]] Oid type() const noexcept { return column_->type; }

  /// The value as a T. Throws DataError, which names the column, its type and T, if the column's type can't
  /// be a T, the value is out of T's range, or it is NULL and T is no optional. A string_view refers to the
  /// Result.
  template <class T>
  requires Decodable<T>
  [[nodiscard]] T as() const { return detail::read_cell<T>(*column_, cell_, false); }
  /// Like `as`, with `fallback` for NULL.
  template <class T>
  requires Decodable<T>
  [[nodiscard]] T as_or(T fallback) const { return is_null() ? std::move(fallback) : as<T>(); }

 private:
  friend class Row;
  Field(const detail::Column& column, detail::Cell cell) noexcept : column_(&column), cell_(cell) {}

  const detail::Column* column_;
  detail::Cell cell_;
};

}  // namespace copg
#pragma GCC visibility pop
