// A statement that outlives the call that gave it. Not for users.
#pragma once

#include <copg/params.hpp>
#include <copg/row_source.hpp>
#include <copg/sql.hpp>

#include <memory>
#include <ranges>
#include <string>
#include <utility>

#include <copg/detail/range_source.hpp>

namespace [[gnu::visibility("default")]] copg {
namespace detail {

struct Request {
  std::string sql;
  Params params;
  SourceLocation where;
};

template <class... Args>
std::unique_ptr<Request> make_request(const Sql& sql, const Args&... args) {
  std::unique_ptr<Request> request(new Request{std::string(sql.text()), {}, sql.where()});
  (request->params.add(args), ...);
  return request;
}

inline std::unique_ptr<Request> make_request(const Sql& sql, Params params) {
  return std::unique_ptr<Request>(new Request{std::string(sql.text()), std::move(params), sql.where()});
}

/// One statement, many rows.
struct ManyRequest {
  std::string sql;
  SourceLocation where;
  std::unique_ptr<RowSource> rows;  // null: there are none
};

/// A range of rows, kept if it is an rvalue.
template <std::ranges::viewable_range Range>
class KeptRange final : public RowSource {
 public:
  explicit KeptRange(Range&& range) : view_(std::views::all(std::forward<Range>(range))), rows_(view_) {}
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  bool next(Params& row) override { return rows_.next(row); }

 private:
  using View = std::views::all_t<Range>;
  View view_;
  RangeSource<View> rows_;
};

template <std::ranges::viewable_range Range>
ManyRequest make_request_for_many(const Sql& sql, Range&& range) {
  auto rows = std::make_unique<KeptRange<Range>>(std::forward<Range>(range));
  ManyRequest request{std::string(sql.text()), sql.where(), nullptr};
  if (!rows->empty()) request.rows = std::move(rows);
  return request;
}

}  // namespace detail
}  // namespace copg
