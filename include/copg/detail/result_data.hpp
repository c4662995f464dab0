// What Result, Row and Field have in common. Not for users.
#pragma once

#include <copg/oid.hpp>

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

struct pg_result;

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

struct Column {
  const char* name = nullptr;
  Oid type = 0;
};

/// What a statement has done to the database by the time of its answer.
enum class Effect : std::uint8_t {
  none,            ///< It only reads.
  in_transaction,  ///< It may have written, in a transaction that was still open.
  committed,       ///< It may have written, and that is committed.
};

/// A Notice, in the memory of the PGresult.
struct NoticeFields {
  std::string_view severity;
  std::string_view sqlstate;
  std::string_view message;
  std::string_view detail;
  std::string_view hint;
  std::string_view context;
};

/// What is known of a PGresult, in whose memory it is stored. It counts its owners, and begins with one.
struct ResultData {
  pg_result* raw = nullptr;
  std::size_t rows = 0;
  std::span<const Column> columns;
  std::span<const NoticeFields> notices;
  mutable std::atomic<std::size_t> owners = 1;
  Effect effect = Effect::none;
};

void intrusive_ptr_add_ref(const ResultData* data) noexcept;
/// Clears the PGresult when its last owner releases it.
void intrusive_ptr_release(const ResultData* data) noexcept;

/// One value. `data` is NUL-terminated; nullptr for NULL.
struct Cell {
  const char* data = nullptr;
  std::size_t size = 0;
};

/// `row` and `column` must be in range.
Cell cell(const ResultData& data, std::size_t row, std::size_t column) noexcept;
/// All of `row`, which must be in range; `cells` has room for as many as there are columns.
void cells_of(const ResultData& data, std::size_t row, Cell* cells) noexcept;

/// The last column of that name. Throws UsageError, with the name and the names of all columns, if there is
/// none.
std::size_t find_column(const ResultData& data, std::string_view name);
[[noreturn]] void reject_index(const char* what, std::size_t index, std::size_t size);

/// Iterates over anything with at_unchecked(std::size_t), which makes the elements on demand.
template <class Parent, class Value>
class IndexIterator {
 public:
  using value_type = Value;
  using reference = Value;
  using pointer = void;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using iterator_concept = std::random_access_iterator_tag;

  IndexIterator() = default;
  IndexIterator(Parent parent, std::size_t index) : parent_(parent), index_(index) {}

  Value operator*() const { return parent_.at_unchecked(index_); }
  Value operator[](difference_type n) const { return *(*this + n); }
  IndexIterator& operator++() { return ++index_, *this; }
  IndexIterator& operator--() { return --index_, *this; }
  IndexIterator operator++(int) {
    IndexIterator before = *this;
    ++index_;
    return before;
  }
  IndexIterator operator--(int) {
    IndexIterator before = *this;
    --index_;
    return before;
  }
  IndexIterator& operator+=(difference_type n) { return index_ += static_cast<std::size_t>(n), *this; }
  IndexIterator& operator-=(difference_type n) { return index_ -= static_cast<std::size_t>(n), *this; }
  friend IndexIterator operator+(IndexIterator it, difference_type n) { return it += n; }
  friend IndexIterator operator+(difference_type n, IndexIterator it) { return it += n; }
  friend IndexIterator operator-(IndexIterator it, difference_type n) { return it -= n; }
  friend difference_type operator-(const IndexIterator& a, const IndexIterator& b) {
    return static_cast<difference_type>(a.index_) - static_cast<difference_type>(b.index_);
  }
  friend bool operator==(const IndexIterator& a, const IndexIterator& b) { return a.index_ == b.index_; }
  friend auto operator<=>(const IndexIterator& a, const IndexIterator& b) { return a.index_ <=> b.index_; }

 private:
  Parent parent_{};
  std::size_t index_ = 0;
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
