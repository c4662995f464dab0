// Rows of parameters that were sent and may have to be sent again, in as little memory as will do.
#pragma once

#include <libpq-fe.h>

#include <copg/params.hpp>

#include <cstddef>
#include <span>
#include <vector>

#include "pq/params_view.hpp"

namespace copg::pq {

/// Whether a row of the types `given` can be sent to a statement that was parsed with `parsed`. Types that
/// either leaves open fit anything: such values travel as text.
[[nodiscard]] bool types_fit(std::span<const Oid> parsed, std::span<const Oid> given) noexcept;

class KeptRows {
 public:
  /// The parameters of consecutive rows, as libpq takes them. Valid until the next non-const member is
  /// called.
  struct Values {
    int size = 0;
    const char* const* values = nullptr;
    const int* lengths = nullptr;
    const int* formats = nullptr;
  };

  /// `parameters`: of each row, at least 1.
  explicit KeptRows(int parameters) noexcept : parameters_(static_cast<std::size_t>(parameters)) {}

  void add(const Params& row);
  /// Keeps the memory for others.
  void clear() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return lengths_.size() / parameters_; }
  /// The memory that the rows take.
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// How many rows from `first` on fit the types of the first of them, and so one statement.
  [[nodiscard]] std::size_t alike_from(std::size_t first) const noexcept;
  /// Types for a statement that takes this row, and those alike.
  [[nodiscard]] std::span<const Oid> types_of(std::size_t row) const noexcept;
  [[nodiscard]] Values values(std::size_t first, std::size_t count);
  /// Of the values of these rows.
  [[nodiscard]] std::size_t bytes_of(std::size_t first, std::size_t count) const noexcept;
  /// Of one Bind with these rows, and what travels with it.
  [[nodiscard]] std::size_t bytes_on_wire(std::size_t first, std::size_t count) const noexcept {
    constexpr std::size_t overhead_bytes = 32;
    constexpr std::size_t parameter_bytes = 6;  // its format and its length
    return overhead_bytes + parameter_bytes * count * parameters_ + bytes_of(first, count);
  }

 private:
  struct Alike {
    std::size_t first;  // row
    std::vector<Oid> types;
  };
  [[nodiscard]] const Alike& alike_of(std::size_t row) const noexcept;

  std::size_t parameters_;
  std::vector<char> text_;           // each value with a NUL behind it
  std::vector<std::size_t> begins_;  // in text_; null_value for NULL
  std::vector<int> lengths_, formats_;
  std::vector<Alike> alike_;
  std::vector<const char*> pointers_;  // for `values`
};

}  // namespace copg::pq
