// The result of a statement: rows, or a count.
#pragma once

#include <copg/notice.hpp>
#include <copg/row.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace copg::pq {
struct ResultAccess;
}

#pragma GCC visibility push(default)
namespace copg {

/// Holds all rows in memory, which its copies share: copying is cheap, and nothing refers to the connection.
/// Rows, fields and string_views refer to the Result. Reading is thread-safe.
class Result {
 public:
  /// The result of no statement: no rows, no columns.
  Result() = default;

  /// The number of rows.
  [[nodiscard]] std::size_t size() const noexcept { return data_ ? data_->rows : 0; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Whether this kind of statement returns rows, even if there are none now.
  [[nodiscard]] bool returns_rows() const noexcept;
  /// The number of columns: 0 if the statement can't return rows, and for a SELECT without columns.
  [[nodiscard]] std::size_t columns() const noexcept { return data_ ? data_->columns.size() : 0; }
  /// Throws UsageError if there is no such column.
  [[nodiscard]] std::string_view column_name(std::size_t column) const { return description(column).name; }
  [[nodiscard]] Oid column_type(std::size_t column) const { return description(column).type; }
  /// Rows inserted, updated, deleted, selected or copied; 0 for other statements.
  [[nodiscard]] std::int64_t affected_rows() const noexcept;
  /// The command tag that the server sent, such as "INSERT 0 1"; empty if there was no statement.
  [[nodiscard]] std::string_view command_tag() const noexcept;

  /// What the server has said beside the rows (RAISE NOTICE, warnings), in its order: the first 1,000 notices
  /// of this statement. Several statements in one text have theirs together.
  [[nodiscard]] std::vector<Notice> notices() const;

  /// Throws UsageError if there is no such row.
  [[nodiscard]] Row operator[](std::size_t row) const {
    if (row >= size()) detail::reject_index("row", row, size());
    return {data_.get(), row};
  }
  [[nodiscard]] auto begin() const noexcept { return iterator({data_.get()}, 0); }
  [[nodiscard]] auto end() const noexcept { return iterator({data_.get()}, size()); }

  /// Every row as a T (see Row::as).
  template <class T>
  [[nodiscard]] std::vector<detail::RowType<T>> to_vector() const {
    std::vector<detail::RowType<T>> result;
    if (!empty()) detail::reader_of<T>(*data_).read_all(result);
    return result;
  }
  /// The first row as a T, or nothing if there is none.
  template <class T>
  [[nodiscard]] std::optional<detail::RowType<T>> to_optional() const {
    if (empty()) return std::nullopt;
    return (*begin()).template as<T>();
  }
  /// The only column of the first row. Without a row: NULL for an optional T, else DataError.
  template <class T>
  requires Decodable<T>
  [[nodiscard]] T to_value() const {
    if (!empty()) return (*begin()).template as<T>();
    if constexpr (detail::HoldsNull<T>) {
      return Codec<T>::null();
    } else {
      detail::reject_no_row(detail::name_of<T>());
    }
  }

 private:
  friend pq::ResultAccess;
  struct Rows {
    const detail::ResultData* data = nullptr;
    [[nodiscard]] Row at_unchecked(std::size_t row) const noexcept { return {data, row}; }
  };
  using iterator = detail::IndexIterator<Rows, Row>;

  explicit Result(const detail::ResultData* owned) noexcept : data_(owned, false) {}
  [[nodiscard]] const detail::Column& description(std::size_t column) const {
    if (column >= columns()) detail::reject_index("column", column, columns());
    return data_->columns[column];
  }

  boost::intrusive_ptr<const detail::ResultData> data_;
};

}  // namespace copg
#pragma GCC visibility pop
