// The rows of a statement as they come, in bounded memory, for event loops.
#pragma once

#include <copg/deadline.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/request.hpp>
#include <copg/detail/row_shape.hpp>
#include <copg/detail/rows_of.hpp>
#include <copg/result.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

class AsyncConnection;

namespace detail {
template <class Self>
class AsyncLeases;
}  // namespace detail
namespace async {
class Loop;
struct LeaseState;
}  // namespace async
namespace engine {
class OpenStream;
}  // namespace engine

/// What AsyncConnection::stream returns, and AsyncPooledDatabase::stream completes with: the rows of one
/// statement, in chunks, each of which is a Result:
///
///     for (Result chunk = co_await rows.next(); !chunk.empty(); chunk = co_await rows.next())
///       for (Row row : chunk) ...
///
/// RowStream describes chunks, what else the connection can do meanwhile, and what stopping half-way leaves.
/// A stream of the pool has a connection of its own, and gives it back at the end. Move-only; for one call at
/// a time. It must not be moved or destroyed between making a call and starting it.
class AsyncRowStream {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// Of no statement: as one that was closed.
  AsyncRowStream() noexcept;
  AsyncRowStream(AsyncRowStream&& other) noexcept;
  AsyncRowStream& operator=(AsyncRowStream&& other) noexcept;
  AsyncRowStream(const AsyncRowStream&) = delete;
  AsyncRowStream& operator=(const AsyncRowStream&) = delete;
  /// As close().
  ~AsyncRowStream();

  /// The pool's executor. UsageError if it is of no statement.
  [[nodiscard]] executor_type get_executor() const;

  /// See RowStream::in_chunks_of.
  [[nodiscard]] AsyncRowStream in_chunks_of(std::size_t rows) &&;

  /// Completes with the next chunk, which is empty at the end. A call that is cancelled ends the stream, and
  /// the connection can only be given back. UsageError after close().
  template <detail::TokenFor<Result> Token = DefaultToken>
  auto next(Token&& token = {}) {
    require_open();
    return detail::initiate<Result>(
        this, [](auto& self, auto handler) { self.start_next(std::move(handler)); }, token);
  }
  /// Completes with the next chunk as a std::vector<RowType<T>>, which is empty at the end. T is as of
  /// fetch_all. Rows that cannot be read as a T are a DataError, and do not end the stream.
  template <class T, detail::TokenFor<std::vector<detail::RowType<T>>> Token = DefaultToken>
  auto next(Token&& token = {}) {
    require_open();
    return detail::initiate_mapped<Result, std::vector<detail::RowType<T>>>(
        this, [](auto& self, auto handler) { self.start_next(std::move(handler)); }, detail::to_vector<T>,
        token);
  }
  /// Lets go of the rows that have not been read. Never blocks.
  void close() noexcept;

 private:
  friend class AsyncConnection;
  friend class AsyncConnectionWithin;
  friend class AsyncPooledDatabase;
  template <class Handle>
  friend class detail::AsyncLeases;

  AsyncRowStream(std::shared_ptr<async::Loop> loop, const std::shared_ptr<async::LeaseState>& state,
                 std::shared_ptr<const detail::Request> statement, std::optional<Deadline> deadline);
  /// With a connection of its own.
  AsyncRowStream(AsyncConnection own, std::shared_ptr<const detail::Request> statement);
  void require_open() const;
  void start_next(detail::Handler<Result> handler);

  /// Makes one on a connection of its own.
  struct On {
    std::shared_ptr<const detail::Request> statement;
    AsyncRowStream operator()(AsyncConnection own) const;
  };

  std::shared_ptr<async::Loop> loop_;
  std::weak_ptr<async::LeaseState> state_;  // of the connection
  std::unique_ptr<AsyncConnection> own_;
  std::optional<Deadline> deadline_;
  std::shared_ptr<engine::OpenStream> stream_;  // null: closed
};

}  // namespace copg
#pragma GCC visibility pop
