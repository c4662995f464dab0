// One row of a result.
#pragma once

#include <copg/by_name.hpp>
#include <copg/field.hpp>

#include <cstddef>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// A view into a Result, valid as long as the Result or a copy of it lives. Reading is thread-safe.
class Row {
 public:
  using iterator = detail::IndexIterator<Row, Field>;

  /// Of no result: it can only be assigned to.
  Row() = default;

  /// The number of columns.
  [[nodiscard]] std::size_t size() const noexcept { return data_->columns.size(); }
  /// The position of the row in its result, from 0.
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  /// Throws UsageError if there is no such column.
  [[nodiscard]] Field operator[](std::size_t column) const {
    if (column >= size()) detail::reject_index("column", column, size());
    return at_unchecked(column);
  }
  /// The column of this name, the last if there are several. Throws UsageError, with the name, without one.
  [[nodiscard]] Field operator[](std::string_view name) const {
    return at_unchecked(detail::find_column(*data_, name));
  }
  [[nodiscard]] iterator begin() const { return {*this, 0}; }
  [[nodiscard]] iterator end() const { return {*this, size()}; }

  /// The row as a T, by position: the members of an aggregate, the elements of a tuple or pair, or, for any
  /// other type that a field can be read as, the only column. As a copg::by_name<T> by the columns' names,
  /// and as a map from their names to values of one type. Throws UsageError if the number of columns differs,
  /// or their names, and DataError as Field::as does.
  template <class T>
  [[nodiscard]] detail::RowType<T> as() const;

 private:
  friend class Result;  // its iterator makes rows
  friend iterator;
  Row(const detail::ResultData* data, std::size_t index) noexcept : data_(data), index_(index) {}
  [[nodiscard]] Field at_unchecked(std::size_t column) const noexcept {
    return {data_->columns[column], detail::cell(*data_, index_, column)};
  }

  const detail::ResultData* data_ = nullptr;
  std::size_t index_ = 0;
};

}  // namespace copg
#pragma GCC visibility pop

#include <copg/mapping.hpp>
