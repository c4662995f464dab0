// The asynchronous verbs that execute a statement, once for all that have them. Not for users.
#pragma once

#include <copg/detail/async_initiate.hpp>
#include <copg/detail/request.hpp>
#include <copg/detail/row_shape.hpp>
#include <copg/detail/rows_of.hpp>
#include <copg/params.hpp>
#include <copg/pipeline.hpp>
#include <copg/result.hpp>
#include <copg/sql.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// `Self` derives from it, and has `owner()`, itself as detail::Initiation takes it, and
/// `start(handler, request)` for a request, a ManyRequest, a ReturningRequest, a CopyRequest, and a Pipeline
/// of either kind.
template <class Self>
class AsyncVerbs {
 public:
  /// Executes one statement, or, without parameters, several, in one round trip. Completes with the Result.
  /// Of several statements, the rows are those of the first that returns any.
  template <TokenFor<Result> Token = DefaultToken>
  auto execute(const Sql& sql, Params params, Token&& token = {}) {
    return initiate<Result>(self().owner(), start_request, token, make_request(sql, std::move(params)));
  }
  template <Encodable... Args>
  auto execute(const Sql& sql, const Args&... args) {
    return initiate<Result>(self().owner(), start_request, DefaultToken(), make_request(sql, args...));
  }
  /// Executes several statements in one flush, with one round trip for all. Completes with one answer for
  /// each statement, in their order: a Result or an error, as the `execute(const Pipeline&)` of threads says.
  template <TokenFor<std::vector<PipelineAnswer>> Token = DefaultToken>
  auto execute(Pipeline pipeline, Token&& token = {}) {
    return initiate<std::vector<PipelineAnswer>>(self().owner(), start_request, token, std::move(pipeline));
  }
  /// Executes several statements in one flush and one transaction, with one round trip for all: all or none.
  /// Completes with their results in their order, or with the first error, which names its statement
  /// (ErrorInfo::statement_index), as the `execute_all` of threads.
  template <TokenFor<std::vector<Result>> Token = DefaultToken>
  auto execute_all(Pipeline pipeline, Token&& token = {}) {
    return initiate<std::vector<Result>>(self().owner(), start_request, token, std::move(pipeline));
  }
  /// Executes a statement and completes with all rows, a std::vector<RowType<T>>. T is an aggregate or tuple,
  /// by position, an aggregate by name (copg::by_name), a map from the columns' names, or a single value, and
  /// owns its memory.
  template <class T, TokenFor<std::vector<RowType<T>>> Token = DefaultToken>
  auto fetch_all(const Sql& sql, Params params, Token&& token = {}) {
    return initiate_mapped<Result, std::vector<RowType<T>>>(
        self().owner(), start_request, to_vector<T>, token,
        make_fetch_request(sql, std::move(params), &rows_as<T>));
  }
  template <class T, Encodable... Args>
  auto fetch_all(const Sql& sql, const Args&... args) {
    return initiate_mapped<Result, std::vector<RowType<T>>>(
        self().owner(), start_request, to_vector<T>, DefaultToken(),
        make_fetch_request(sql, copg::params(args...), &rows_as<T>));
  }
  /// Executes a statement and completes with the first row, a std::optional<RowType<T>>.
  template <class T, TokenFor<std::optional<RowType<T>>> Token = DefaultToken>
  auto fetch_one(const Sql& sql, Params params, Token&& token = {}) {
    return initiate_mapped<Result, std::optional<RowType<T>>>(
        self().owner(), start_request, to_optional<T>, token,
        make_fetch_request(sql, std::move(params), &rows_as<T>));
  }
  template <class T, Encodable... Args>
  auto fetch_one(const Sql& sql, const Args&... args) {
    return initiate_mapped<Result, std::optional<RowType<T>>>(
        self().owner(), start_request, to_optional<T>, DefaultToken(),
        make_fetch_request(sql, copg::params(args...), &rows_as<T>));
  }
  /// Executes a statement and completes with the only column of the first row, a T. Without a row: NULL for
  /// an optional T; else DataError, or UsageError before anything is sent if the text can't return rows.
  template <std::default_initializable T, TokenFor<T> Token = DefaultToken>
  auto fetch_val(const Sql& sql, Params params, Token&& token = {}) {
    return initiate_mapped<Result, T>(self().owner(), start_request, to_value<T>, token,
                                      make_fetch_request(sql, std::move(params), &value_as<T>));
  }
  template <std::default_initializable T, Encodable... Args>
  auto fetch_val(const Sql& sql, const Args&... args) {
    return initiate_mapped<Result, T>(self().owner(), start_request, to_value<T>, DefaultToken(),
                                      make_fetch_request(sql, copg::params(args...), &value_as<T>));
  }
  /// Sends a notification to those who listen to the channel, as the `notify` of threads does.
  template <TokenFor<> Token = DefaultToken>
  auto notify(std::string_view channel, std::string_view payload = {}, Token&& token = {}) {
    return initiate_mapped<Result, void>(
        self().owner(), start_request, std::monostate(), token,
        make_request("SELECT pg_catalog.pg_notify($1, $2)", copg::params(channel, payload)));
  }
  /// Executes one statement for each row of parameters, in one pipeline and a constant number of round trips.
  /// Completes with the number of affected rows, a std::int64_t. The rows are part of an open transaction, or
  /// else one of their own. If `rows` is an lvalue, it must live until then. Rows of a plain INSERT share
  /// statements where nobody can tell (PoolOptions::join_rows).
  template <std::ranges::viewable_range Range, TokenFor<std::int64_t> Token = DefaultToken>
  auto execute_many(const Sql& sql, Range&& rows, Token&& token = {}) {
    return initiate<std::int64_t>(self().owner(), start_request, token,
                                  make_request_for_many(sql, std::forward<Range>(rows)));
  }
  /// As execute_many, of a statement that returns rows: completes with them, a std::vector<RowType<T>>, in
  /// the order of the rows of parameters, as the execute_many_returning of threads says.
  template <class T, std::ranges::viewable_range Range,
            TokenFor<std::vector<RowType<T>>> Token = DefaultToken>
  auto execute_many_returning(const Sql& sql, Range&& rows, Token&& token = {}) {
    return initiate_mapped<std::vector<Result>, std::vector<RowType<T>>>(
        self().owner(), start_request, all_to_vector<T>, token,
        ReturningRequest{make_request_for_many(sql, std::forward<Range>(rows))});
  }
  /// Copies rows (tuples, aggregates or single values) into a table by COPY, as the copy_in of threads does.
  /// Completes with the number of rows, a std::int64_t. If `rows` is an lvalue, it must live until then.
  template <std::ranges::viewable_range Range, TokenFor<std::int64_t> Token = DefaultToken>
  auto copy_in(const CopyTarget& target, Range&& rows, Token&& token = {}) {
    return initiate<std::int64_t>(self().owner(), start_request, token,
                                  make_copy_request(target, std::forward<Range>(rows)));
  }
  /// Executes COPY ... FROM STDIN with the data of `source`, which must live until then, and is called on the
  /// event loop. Completes with the number of rows, a std::int64_t.
  template <TokenFor<std::int64_t> Token = DefaultToken>
  auto copy_in(const Sql& sql, CopySource& source, Token&& token = {}) {
    return initiate<std::int64_t>(self().owner(), start_request, token,
                                  CopyRequest{std::string(sql.text()), sql.where(), &source, nullptr});
  }
  /// Executes COPY ... TO STDOUT and passes each piece to `sink`, as above.
  template <TokenFor<std::int64_t> Token = DefaultToken>
  auto copy_out(const Sql& sql, CopySink& sink, Token&& token = {}) {
    return initiate<std::int64_t>(self().owner(), start_request, token,
                                  CopyRequest{std::string(sql.text()), sql.where(), nullptr, &sink});
  }

 protected:
  ~AsyncVerbs() = default;

 private:
  friend Self;
  AsyncVerbs() = default;
  AsyncVerbs(const AsyncVerbs&) = default;
  AsyncVerbs(AsyncVerbs&&) = default;
  AsyncVerbs& operator=(const AsyncVerbs&) = default;
  AsyncVerbs& operator=(AsyncVerbs&&) = default;
  static constexpr auto start_request = [](auto& owner, auto handler, auto request) {
    owner.start(std::move(handler), std::move(request));
  };
  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
