// One use of a statement on a connection: by which route it goes, putting it into libpq, and what its answers
// mean to the statement cache and to the session state.
//
// Extended protocol, one statement in the text. Several uses of one text may be under way at once: none takes
// for granted what an earlier one has not been told yet, and none speaks for another's name.
#pragma once

#include <copg/error.hpp>

#include <cstdint>
#include <string_view>

#include "pq/connection.hpp"
#include "pq/params_view.hpp"

namespace copg::pq {

class StatementUse {
 public:
  /// `sql` and `params` must outlive the use.
  StatementUse(std::string_view sql, ParamsView params) noexcept : sql_(sql), params_(params) {}

  /// Finds what is known of the text on this connection: before each `put`, with nothing done to the
  /// statement cache in between. A reason to refuse the text, if there is one. `nameless`: something that was
  /// put and has not been answered may change what names mean.
  [[nodiscard]] ErrorPtr look_up(Connection& connection, bool nameless = false);
  [[nodiscard]] const sql::TextTraits& traits() const noexcept { return traits_; }
  /// After `look_up`: no transaction is open, so that what would end with one ends with the statement.
  void stands_alone() noexcept {
    if (traits_.path < sql::PathEffect::changes && !traits_.transacts) traits_.path = sql::PathEffect::none;
  }
  /// A Parse goes in front, with an answer of its own: only pipeline mode takes both.
  [[nodiscard]] bool parses() const noexcept { return route_ == Route::parse; }
  /// Puts it into libpq. False if libpq refused: the connection is gone.
  [[nodiscard]] bool put(Connection& connection);

  /// Asks for its columns in place of executing it, in pipeline mode, and to be answered without a Sync.
  /// False as `put`.
  [[nodiscard]] bool put_description(Connection& connection);
  /// Executes it after that. False as `put`.
  [[nodiscard]] bool put_described(Connection& connection);
  /// Takes an answer to `put_description`. False if it only was that of the Parse.
  bool take_description(Connection& connection);

  /// Takes a result. False if it only was that of the Parse.
  bool take_result(Connection& connection, const PGresult* result);
  /// Takes an error, and may add a hint to it. True if the server has refused the name or the plan before the
  /// statement ran: it may be put again.
  bool take_error(Connection& connection, ErrorInfo& error, const PGresult* result);
  /// The server has dropped it unread, for an error before it.
  void take_skip(Connection& connection);
  /// Its answer will not be waited for.
  void give_up(Connection& connection);

 private:
  enum class Route : std::uint8_t { unnamed, parse, named };

  [[gnu::cold]] void note_change(Connection& connection, const PGresult* result) const;
  bool refused_by_name(Connection& connection, ErrorInfo& error, const PGresult* result) const;
  void forget_types(Connection& connection, const ErrorInfo& error) const;
  [[nodiscard]] Statement* find(StatementCache& cache) const;
  [[nodiscard]] Statement* find_named(StatementCache& cache) const;

  std::string_view sql_;
  ParamsView params_;
  Statement* statement_ = nullptr;  // from look_up to put
  std::size_t generation_ = 0;      // that it was looked up in
  StatementName name_{};            // that it was put with; the cache may have given it up since
  sql::TextTraits traits_;
  Route route_ = Route::unnamed;
  bool naming_ = false;    // a Parse under a name is under way
  bool parsing_ = false;   // of a description: any Parse
  bool answered_ = false;  // the session state knows how the statement ended
};

}  // namespace copg::pq
