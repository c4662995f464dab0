// Calls that see what was written before them, on whatever server they run.
#pragma once

#include <copg/pooled_database.hpp>
#include <copg/write_token.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// The calls of one user, or of one request, who reads what he has written: what PooledDatabase::session
/// returns. Its own verbs go to the primary, and each remembers how far the primary's log then was; what `on`
/// returns goes to a server that has replayed so far. Of one host there is nothing to remember.
///
/// The position is asked for in the flush of the statement, without a round trip of its own, by `execute` and
/// fetches of one statement (but not by the first fetch of a kind of rows, which asks for the columns), and
/// by `execute` of a pipeline. After other calls, `on` or `token` ask the primary for it.
///
/// Small. It does not keep the pool open: once no pool object is left, its calls throw PoolClosed. Movable,
/// not thread-safe. Calls throw as PooledDatabase's.
class Session : public detail::Verbs<Session> {
 public:
  using Verbs::execute;
  using Verbs::execute_many;
  using Verbs::execute_many_returning;
  Result execute(const Sql& sql, const Params& params);
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  std::vector<Result> execute_many_returning(const Sql& sql, RowSource& rows);
  [[nodiscard]] std::vector<PipelineAnswer> execute(const Pipeline& pipeline);
  std::vector<Result> execute_all(const Pipeline& pipeline);
  using Verbs::copy_in;
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  /// A stream may write until its end, and who reads meanwhile can't know: use `transaction`.
  template <class T = Row, class... Args>
  void stream(const Sql& sql, const Args&... args) = delete;
  /// As PooledDatabase::transaction.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      Body&& body, const SourceLocation& where = SourceLocation::current()) {
    known_ = false;
    return primary_.transaction(std::forward<Body>(body), where);
  }
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      const TransactionOptions& options, Body&& body,
      const SourceLocation& where = SourceLocation::current()) {
    known_ = false;
    return primary_.transaction(options, std::forward<Body>(body), where);
  }

  /// The calls of PooledDatabase::on, which see all that this session has written, or followed, so far. A
  /// replica that has not replayed so far is not fit for them: `options` says what becomes of such a call.
  [[nodiscard]] DatabaseOn on(Role role, const RoleOptions& options = {});
  /// For reads elsewhere (RoleOptions::after). Nothing if nothing was written, nor followed.
  [[nodiscard]] std::optional<WriteToken> token();
  /// Reads from now on see this write, too.
  void follow(const WriteToken& token);

 private:
  friend class PooledDatabase;
  friend class detail::Verbs<Session>;
  explicit Session(DatabaseOn primary) noexcept : primary_(std::move(primary)) {}
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);
  Result statement(const Sql& sql, const Params& params, const detail::RowShape* shape);
  void note(const WriteToken& token);

  DatabaseOn primary_;
  std::optional<WriteToken> token_;
  bool known_ = true;  // token_ covers all that was written
};

}  // namespace copg
#pragma GCC visibility pop
