// A round trip with a portal of the open transaction: DECLARE and the first FETCH, or a later FETCH. With the
// last rows it closes the portal, in one more. Between two of them nothing is outstanding: other statements
// may be executed, and letting go of the portal costs no cancel, which would fail the transaction.
#pragma once

#include <copg/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pq/exchange.hpp"
#include "pq/kept_open.hpp"
#include "pq/params_view.hpp"
#include "pq/put_beginning.hpp"
#include "sql/text_traits.hpp"

namespace copg::pq {

/// What is fetched.
struct Portal {
  std::string name;  ///< No name like it is in use, also on another connection. Needs no quotes.
  std::string_view sql;
  ParamsView params;
  sql::TextTraits traits;
  std::size_t chunk_rows;  ///< 1 to INT_MAX.
};

class PortalExchange final : public Exchange {
 public:
  /// Declares the portal, behind the beginning of a transaction if there is one. What `portal` shows must
  /// outlive the exchange; the portal lives as long as the keeper and the transaction.
  PortalExchange(Connection& connection, const Portal& portal, const Keeper& keeper, BeginFirst begin);
  /// Fetches on.
  PortalExchange(Connection& connection, const Portal& portal);

  /// After `done` without an error.
  [[nodiscard]] Result take_chunk();
  [[nodiscard]] bool closed() const noexcept { return expect_ == Expect::close; }

 private:
  enum class Expect : std::uint8_t { begin, settings, declare, fetch, close };

  ErrorPtr check() override;
  bool send() override;
  bool send_first();
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  bool again() override;

  const Portal& portal_;
  const Keeper keeper_;  // null: declared already
  const BeginFirst begin_;
  const std::string declare_;
  const std::string fetch_;
  Expect expect_ = Expect::fetch;
  ResultPtr rows_;
};

}  // namespace copg::pq
