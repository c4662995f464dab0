// The prepared statements of one connection: which texts were used, which have a name on the server, and how
// many orphans the server holds, which are names that are not used any more. The least recently used text is
// dropped first. It sends nothing; operations carry out what it says.
//
// Both sides are bounded: the server holds at most `capacity + max_orphans` names.
#pragma once

#include <libpq-fe.h>

#include <boost/unordered/unordered_flat_set.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/text_traits.hpp"

namespace copg::pq {

/// The name of a prepared statement on the server, such as "copg_8f1d0c37a94be265_17". Fits in place;
/// NUL-terminated.
using StatementName = std::array<char, 48>;

/// A text that was used more than once with these parameter types, in this generation (path_state.hpp).
struct Statement {
  std::string text;
  std::vector<Oid> types;
  sql::TextTraits traits;
  StatementName name{};   ///< Valid once `prepared`, or while a Parse of it is under way.
  bool prepared = false;  ///< The server has confirmed the name.
  std::size_t generation = 0;
  std::size_t hash = 0;
  std::list<Statement>::iterator self{};
};

class StatementCache {
 public:
  static constexpr std::size_t capacity = 256;
  /// Places for the hashes of texts that were used once: a one-off text needs no memory and evicts nothing. A
  /// collision names a statement one use too early.
  static constexpr std::size_t first_uses = 256;
  /// Longer texts are never kept: usually they are lists of values that a program has put together, which
  /// seldom come again. `capacity` texts of this length take 4 MiB here, and thirty to fifty times that on
  /// the server.
  static constexpr std::size_t max_text_bytes = std::size_t{16} << 10;
  /// Orphans that the server may hold. DEALLOCATE ALL costs each statement in use a new Parse, so it is done
  /// no more often than once for so many.
  static constexpr std::size_t max_orphans = capacity;
  /// How often the server may have forgotten its names before no name is given any more.
  static constexpr int max_losses = 3;

  /// `prepare` false: texts are remembered, but no name is ever given.
  explicit StatementCache(bool prepare);
  StatementCache(const StatementCache&) = delete;
  StatementCache& operator=(const StatementCache&) = delete;

  /// Notes a use of this text. Returns nullptr for the first use and for a long text, else the statement,
  /// valid until the next call of a non-const member. Allocates only on the second use.
  Statement* use(std::string_view text, std::span<const Oid> types, std::size_t generation = 0);
  /// Whether a statement may be given a name.
  [[nodiscard]] bool may_name() const noexcept { return prepare_ && !littered(); }
  /// From now on no statement is given a name.
  void name_no_more() noexcept { prepare_ = false; }
  /// Whether the server holds `max_orphans`, so that no name is given any more until DEALLOCATE ALL.
  [[nodiscard]] bool littered() const noexcept { return orphans_ >= max_orphans; }
  [[nodiscard]] std::size_t size() const noexcept { return statements_.size(); }

  /// Gives the statement a name that no connection has ever used, just before its Parse is sent: a pooler may
  /// give us the session of another connection, whose names must not mean our texts. Only if `may_name`. If
  /// the answer never comes, call `doubt`.
  void name(Statement& statement) noexcept;
  void confirm(Statement& statement) noexcept { statement.prepared = true; }
  /// The name may or may not exist on the server: it counts as an orphan, and the next use takes another.
  void doubt(Statement& statement) noexcept;
  /// The server does not know the name: the next use parses anew. Keeps the text.
  void forget(Statement& statement) noexcept;
  /// After DISCARD ALL or DEALLOCATE ALL: no name exists on the server any more.
  void forget_all() noexcept;
  /// The server does not know a name that it has confirmed, so presumably it knows none. Once, that may be a
  /// DEALLOCATE of the user's; if it goes on, a pooler switches servers, and no name is given any more.
  void lose_all() noexcept;

 private:
  struct Key {
    std::string_view text;
    std::span<const Oid> types;
    std::size_t generation;
    std::size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const noexcept { return key.hash; }
    std::size_t operator()(const Statement* statement) const noexcept { return statement->hash; }
  };
  struct Equal {
    using is_transparent = void;
    static Key key_of(const Key& key) noexcept { return key; }
    static Key key_of(const Statement* s) noexcept { return {s->text, s->types, s->generation, s->hash}; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      return same(key_of(a), key_of(b));
    }
    static bool same(const Key& a, const Key& b) noexcept;
  };

  void evict_oldest() noexcept;

  bool prepare_;
  std::uint64_t nonce_;  // of the names
  std::uint64_t names_given_ = 0;
  int losses_ = 0;
  std::list<Statement> statements_;  // most recently used first
  boost::unordered_flat_set<Statement*, Hash, Equal> index_;
  std::size_t orphans_ = 0;
  std::array<std::uint32_t, first_uses> used_once_{};
};

}  // namespace copg::pq
