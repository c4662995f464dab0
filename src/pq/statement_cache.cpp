// The cache's bookkeeping: one list in order of use, one index by text and types.
#include "pq/statement_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "sql/text_hash.hpp"

namespace copg::pq {
namespace {

std::size_t hash_of(std::string_view text, std::span<const Oid> types, std::size_t generation) noexcept {
  std::size_t hash = sql::text_hash(text) ^ generation;
  for (const Oid type : types) {
    hash = (hash ^ type) * 0x9E3779B97F4A7C15ULL;  // Fibonacci hashing, Knuth 6.4
    hash ^= hash >> 32;
  }
  return hash;
}

std::uint64_t fresh_nonce() {
  std::random_device entropy;
  return std::uniform_int_distribution<std::uint64_t>()(entropy);
}

}  // namespace

bool StatementCache::Equal::same(const Key& a, const Key& b) noexcept {
  return a.hash == b.hash && a.generation == b.generation && a.text == b.text &&
         std::ranges::equal(a.types, b.types);
}

StatementCache::StatementCache(bool prepare) : prepare_(prepare), nonce_(fresh_nonce()) {
  index_.reserve(capacity);
}

Statement* StatementCache::use(std::string_view text, std::span<const Oid> types, std::size_t generation) {
  // The connection used last is handed out first, and often executes the same text again: that needs no hash.
  if (!statements_.empty()) {
    Statement& last = statements_.front();
    if (last.generation == generation && std::ranges::equal(last.text, text) &&
        std::ranges::equal(last.types, types))
      return &last;
  }
  if (text.size() > max_text_bytes) return nullptr;
  const Key key{text, types, generation, hash_of(text, types, generation)};
  if (const auto found = index_.find(key); found != index_.end()) {
    Statement* statement = *found;
    statements_.splice(statements_.begin(), statements_, statement->self);
    return statement;
  }
  std::uint32_t& place = used_once_[key.hash % first_uses];
  const auto mark = static_cast<std::uint32_t>(key.hash >> 32) | 1U;
  if (place != mark) {
    place = mark;
    return nullptr;
  }
  place = 0;
  Statement& statement = statements_.emplace_front();
  statement.self = statements_.begin();
  try {
    statement.text = text;
    statement.types.assign(types.begin(), types.end());
    statement.traits = sql::text_traits(text);
    statement.generation = generation;
    statement.hash = key.hash;
    index_.insert(&statement);
  } catch (...) {
    statements_.pop_front();
    throw;
  }
  if (statements_.size() > capacity) evict_oldest();
  return &statement;
}

void StatementCache::evict_oldest() noexcept {
  Statement& oldest = statements_.back();
  doubt(oldest);
  index_.erase(&oldest);
  statements_.pop_back();
}

void StatementCache::name(Statement& statement) noexcept {
  statement.name = {};
  fmt::format_to_n(statement.name.data(), statement.name.size() - 1, "copg_{:016x}_{}", nonce_,
                   ++names_given_);
}

void StatementCache::doubt(Statement& statement) noexcept {
  if (statement.name[0] != '\0') ++orphans_;
  forget(statement);
}

void StatementCache::forget(Statement& statement) noexcept {
  statement.prepared = false;
  statement.name = {};
}

void StatementCache::forget_all() noexcept {
  for (Statement& statement : statements_) forget(statement);
  orphans_ = 0;
}

void StatementCache::lose_all() noexcept {
  forget_all();
  if (++losses_ == max_losses) prepare_ = false;
}

}  // namespace copg::pq
