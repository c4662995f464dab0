// A statement that outlives the call that passed it. Not for users.
#pragma once

#include <copg/copy_stream.hpp>
#include <copg/copy_target.hpp>
#include <copg/detail/copy_rows.hpp>
#include <copg/params.hpp>
#include <copg/row_source.hpp>
#include <copg/sql.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <copg/detail/range_source.hpp>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

struct RowShape;

/// Takes one block of memory of just the size that it needs, since many may wait for a connection at a time.
/// Has the getters of Params.
class Request {
 public:
  static std::unique_ptr<Request> make(const Sql& sql, const Params& params);
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request() = default;
  // Its counterpart is private. NOLINTNEXTLINE(misc-new-delete-overloads)
  static void operator delete(void* block) noexcept { ::operator delete(block); }

  [[nodiscard]] std::string_view sql() const noexcept { return {sql_, sql_size_}; }
  [[nodiscard]] const SourceLocation& where() const noexcept { return where_; }
  /// What its rows are to be read as; null if that is not known.
  [[nodiscard]] const RowShape* shape() const noexcept { return shape_; }
  void expect(const RowShape* shape) noexcept { shape_ = shape; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] const char* const* values() const noexcept { return values_; }
  [[nodiscard]] const int* lengths() const noexcept { return lengths_; }
  [[nodiscard]] const int* formats() const noexcept { return formats_; }
  [[nodiscard]] const Oid* types() const noexcept { return types_; }

 private:
  Request(const Sql& sql, const Params& params);
  [[nodiscard]] static std::size_t bytes_for(const Sql& sql, const Params& params);
  static void* operator new(std::size_t, std::size_t bytes) { return ::operator new(bytes); }

  const SourceLocation where_;
  const RowShape* shape_ = nullptr;
  const int size_;
  // All of these point into the block, behind this object.
  const char** values_;
  Oid* types_;
  int* lengths_;
  int* formats_;
  const char* sql_;
  std::size_t sql_size_;
};

template <class... Args>
std::unique_ptr<Request> make_request(const Sql& sql, const Args&... args) {
  return Request::make(sql, copg::params(args...));
}

inline std::unique_ptr<Request> make_request(const Sql& sql, const Params& params) {
  return Request::make(sql, params);
}

/// For a fetch verb.
inline std::unique_ptr<Request> make_fetch_request(const Sql& sql, const Params& params,
                                                   const RowShape* shape) {
  std::unique_ptr<Request> request = Request::make(sql, params);
  request->expect(shape);
  return request;
}

/// One statement, many rows.
struct ManyRequest {
  std::string sql;
  SourceLocation where;
  std::unique_ptr<RowSource> rows;  // null: there are none
};

/// The same, for the rows that the statements return.
struct ReturningRequest {
  ManyRequest many;
};

/// A range of rows: refers to an lvalue, keeps an rvalue, copies or moves a view. So does std::views::all,
/// which Clang before 16 can't compile in GCC's library.
template <std::ranges::viewable_range Range>
class KeptRange final : public RowSource {
 public:
  explicit KeptRange(Range&& range) : range_(std::forward<Range>(range)), rows_(range_) {}
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  bool next(Params& row) override { return rows_.next(row); }

 private:
  using Value = std::remove_cvref_t<Range>;
  using Kept = std::conditional_t<std::ranges::view<Value>, Value, Range>;  // Range is T& for an lvalue
  Kept range_;
  RangeSource<std::remove_reference_t<Kept>> rows_;
};

/// COPY: from a source or to a sink, one of which is not null.
struct CopyRequest {
  std::string sql;
  SourceLocation where;
  CopySource* source;
  CopySink* sink;
  std::unique_ptr<CopySource> own_source{};  // what `source` points to, unless that is the caller's
};

/// As KeptRange, for COPY.
template <std::ranges::viewable_range Range>
class KeptCopyRange final : public CopySource {
 public:
  explicit KeptCopyRange(Range&& range) : range_(std::forward<Range>(range)), rows_(range_) {}
  std::string_view next() override { return rows_.next(); }

 private:
  using Value = std::remove_cvref_t<Range>;
  using Kept = std::conditional_t<std::ranges::view<Value>, Value, Range>;
  Kept range_;
  CopyRows<std::remove_reference_t<Kept>> rows_;
};

template <std::ranges::viewable_range Range>
CopyRequest make_copy_request(const CopyTarget& target, Range&& range) {
  auto rows = std::make_unique<KeptCopyRange<Range>>(std::forward<Range>(range));
  CopySource* const source = rows.get();
  return {copy_in_text(target), target.where, source, nullptr, std::move(rows)};
}

template <std::ranges::viewable_range Range>
ManyRequest make_request_for_many(const Sql& sql, Range&& range) {
  auto rows = std::make_unique<KeptRange<Range>>(std::forward<Range>(range));
  ManyRequest request{std::string(sql.text()), sql.where(), nullptr};
  if (!rows->empty()) request.rows = std::move(rows);
  return request;
}

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
