#include "engine/statement_kind.hpp"

#include <array>
#include <utility>

#include "sql/text_hash.hpp"
#include "sql/text_traits.hpp"

namespace copg::engine {
namespace {

static_assert(sizeof(KnownText) == sizeof(pool::Statement));

KnownText know(std::string_view sql, std::uint64_t key) noexcept {
  const sql::TextTraits traits = sql::text_traits(sql);
  const auto kind = traits.reads    ? pool::StatementKind::read
                    : traits.writes ? pool::StatementKind::last
                                    : pool::StatementKind::alone;
  return {{.key = key, .kind = kind}, traits.rowless};
}

/// What texts are, by their hashes; a newer one with the same place takes it over.
class Known {
 public:
  const KnownText& find(std::string_view sql) noexcept {
    const std::uint64_t key = sql::text_hash(sql);
    KnownText& place = places_[key % places_.size()];
    if (place.key != key) place = know(sql, key);
    return place;
  }

 private:
  std::array<KnownText, 256> places_{};
};

std::int64_t bytes_of(const pq::ParamsView& params) noexcept {
  std::int64_t bytes = 0;
  for (int i = 0; i < params.size(); ++i) bytes += params.lengths()[i];
  return bytes;
}

[[noreturn, gnu::cold]] void reject_rowless(std::string_view sql) {
  ErrorInfo info;
  info.message =
      "fetch_val of a statement that returns no rows: use execute, or take a std::optional; nothing was sent";
  info.query = sql;
  throw UsageError(std::move(info));
}

}  // namespace

KnownText known_text(std::string_view sql) noexcept {
  thread_local Known known;
  return known.find(sql);
}

pool::Statement statement_of(const KnownText& text, const pq::ParamsView& params) noexcept {
  pool::Statement statement = text;
  statement.kind = pool::kind_with(statement.kind, bytes_of(params));
  return statement;
}

pq::DescribeFirst describe_first(pq::FittingTexts& fitting, const KnownText& text, std::string_view sql,
                                 const detail::RowShape& shape) {
  if (text.rowless) {
    if (shape.needs_row) reject_rowless(sql);
    return {};
  }
  if (text.kind == pool::StatementKind::read) return {};
  if (fitting.contains(text.key, shape)) return {};
  return {.shape = &shape, .known = &fitting, .text = text.key};
}

}  // namespace copg::engine
