#include "engine/statement_kind.hpp"

#include <array>
#include <functional>
#include <numeric>

#include "pq/sql_text.hpp"

namespace copg::engine {
namespace {

/// What a text is, by its hash; a newer one with the same place takes it over.
struct Known {
  std::uint64_t key = 0;
  pool::StatementKind kind = pool::StatementKind::alone;
};

pool::StatementKind kind_of(std::string_view sql) noexcept {
  const pq::TextTraits traits = pq::text_traits(sql);
  if (traits.reads) return pool::StatementKind::read;
  return traits.writes ? pool::StatementKind::last : pool::StatementKind::alone;
}

/// Statements with more in front of others would keep them waiting.
bool is_large(const pq::ParamsView& params) noexcept {
  constexpr std::int64_t most = 64 << 10;
  std::int64_t bytes = 0;
  for (int i = 0; i < params.size(); ++i) bytes += params.lengths()[i];
  return bytes > most;
}

}  // namespace

pool::Statement statement_of(std::string_view sql, const pq::ParamsView& params) noexcept {
  thread_local std::array<Known, 256> known{};
  const std::uint64_t key = std::hash<std::string_view>{}(sql);
  Known& place = known[key % known.size()];
  if (place.key != key) place = {key, kind_of(sql)};
  return {.key = key, .kind = is_large(params) ? pool::StatementKind::alone : place.kind};
}

}  // namespace copg::engine
