#include "engine/statement_kind.hpp"

#include <array>
#include <functional>
#include <numeric>

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

/// The thread's last text: to compare it costs a quarter of its hash, and often it comes again.
class Last {
 public:
  [[nodiscard]] bool is(std::string_view sql) const noexcept {
    return sql == std::string_view(text_.data(), size_);
  }
  [[nodiscard]] const pool::Statement& statement() const noexcept { return statement_; }
  void set(std::string_view sql, const pool::Statement& statement) noexcept {
    if (sql.size() > text_.size()) return;
    size_ = sql.copy(text_.data(), text_.size());
    statement_ = statement;
  }

 private:
  std::array<char, 512> text_{};
  std::size_t size_ = 0;
  pool::Statement statement_;
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
  thread_local Last last;
  pool::Statement statement;
  if (last.is(sql)) {
    statement = last.statement();
  } else {
    statement = known.find(sql);
    last.set(sql, statement);
  }
  if (is_large(params)) statement.kind = pool::StatementKind::alone;
  return statement;
}

}  // namespace copg::engine
