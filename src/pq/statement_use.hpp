// One use of a statement on a connection: which route it takes, how it is put into libpq, and what its
// answers mean to the statement cache and to the session state.
//
// The text has one statement, for the extended protocol. Several uses of one text may be under way at once:
// none relies on an answer that has not come yet, and each ignores results of another's Parse.
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

  /// Finds what is known of the text on this connection, before each `put`; the statement cache must not
  /// change in between. Returns an error if the text must be refused. `nameless`: something that was put and
  /// has not been answered may change what names mean.
  [[nodiscard]] ErrorPtr look_up(Connection& connection, bool nameless = false);
  [[nodiscard]] const sql::TextTraits& traits() const noexcept { return traits_; }
  /// After `look_up`: no transaction is open, so that effects that last for one end with the statement.
  void stands_alone() noexcept {
    if (traits_.path < sql::PathEffect::changes && !traits_.transacts) traits_.path = sql::PathEffect::none;
  }
  /// Whether a Parse goes in front, with an answer of its own, for which pipeline mode is needed.
  [[nodiscard]] bool parses() const noexcept { return route_ == Route::parse; }
  /// Puts the statement into libpq. False if libpq refused it: the connection is gone.
  [[nodiscard]] bool put(Connection& connection);

  /// Asks for the columns instead of executing, in pipeline mode, with an answer before any Sync. Returns as
  /// `put`.
  [[nodiscard]] bool put_description(Connection& connection);
  /// Executes the statement that was described. Returns as `put`.
  [[nodiscard]] bool put_described(Connection& connection);
  /// Takes an answer to `put_description`. False if it was only the Parse's.
  bool take_description(Connection& connection);

  /// Takes a result. False if it was only the Parse's.
  bool take_result(Connection& connection, const PGresult* result);
  /// Takes an error, and may add a hint to it. True if the server refused the name or the plan before the
  /// statement ran, so that it may be put again.
  bool take_error(Connection& connection, ErrorInfo& error, const PGresult* result);
  /// The server has dropped the statement unread, because of an earlier error.
  void take_skip(Connection& connection);
  /// The answer will not be waited for.
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
  std::size_t generation_ = 0;      // in which it was looked up
  StatementName name_{};            // with which it was put; the cache may have given it up since
  sql::TextTraits traits_;
  Route route_ = Route::unnamed;
  bool naming_ = false;    // a Parse under a name is under way
  bool parsing_ = false;   // any Parse of a description is under way
  bool answered_ = false;  // the session state knows how the statement ended
};

}  // namespace copg::pq
