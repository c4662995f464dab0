#include "engine/statement_kind.hpp"

#include <array>
#include <functional>

#include "pq/sql_text.hpp"

namespace copg::engine {
namespace {

pool::StatementKind kind_of(std::string_view sql) noexcept {
  const pq::TextTraits traits = pq::text_traits(sql);
  if (traits.reads) return pool::StatementKind::read;
  return traits.writes ? pool::StatementKind::last : pool::StatementKind::alone;
}

/// What texts are, by their hashes; a newer one with the same place takes it over.
class Known {
 public:
  pool::Statement find(std::string_view sql) noexcept {
    const std::uint64_t key = std::hash<std::string_view>{}(sql);
    pool::Statement& place = places_[key % places_.size()];
    if (place.key != key) place = {.key = key, .kind = kind_of(sql)};
    return place;
  }

 private:
  std::array<pool::Statement, 256> places_{};
};

/// Statements with more in front of others would keep them waiting.
bool is_large(const pq::ParamsView& params) noexcept {
  constexpr std::int64_t most = 64 << 10;
  std::int64_t bytes = 0;
  for (int i = 0; i < params.size(); ++i) bytes += params.lengths()[i];
  return bytes > most;
}

}  // namespace

pool::Statement statement_of(std::string_view sql, const pq::ParamsView& params) noexcept {
  thread_local Known known;
  pool::Statement statement = known.find(sql);
  if (is_large(params)) statement.kind = pool::StatementKind::alone;
  return statement;
}

}  // namespace copg::engine
