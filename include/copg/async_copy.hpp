// A COPY that is written to, or read, piece by piece, for event loops.
#pragma once

#include <copg/deadline.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/copy_rows.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

namespace async {
struct CopyBegin;
class Loop;
struct LeaseState;
}  // namespace async

namespace pq {
class KeptCopy;
}  // namespace pq

/// What AsyncConnection::copy completes with: Copy describes it. Its calls are calls on the connection, one
/// at a time, which complete and are cancelled as those do. Move-only; it does not keep the lease.
///
/// One that is destroyed before it has ended is cancelled by the next call on the connection, or by the pool.
class AsyncCopy {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// Holds no COPY.
  AsyncCopy() noexcept;
  AsyncCopy(AsyncCopy&&) noexcept;
  AsyncCopy& operator=(AsyncCopy&&) noexcept;
  AsyncCopy(const AsyncCopy&) = delete;
  AsyncCopy& operator=(const AsyncCopy&) = delete;
  ~AsyncCopy();

  /// The pool's executor. UsageError if it holds no COPY.
  [[nodiscard]] executor_type get_executor() const;

  /// Sends data in the format of the statement, cut anywhere. Completes when the server has taken all but the
  /// last 64 KiB. An error of the server may come no earlier than from `finish`.
  template <detail::TokenFor<> Token = DefaultToken>
  auto write(std::string data, Token&& token = {}) {
    return detail::initiate<>(
        this,
        [](auto& self, auto handler, std::string kept) {
          self.start_write(std::move(handler), std::move(kept));
        },
        token, std::move(data));
  }
  /// Sends rows, in text format. They are encoded at once, so that a batch should have some thousands. Throws
  /// DataError for a value that can't be sent; none of the rows is sent then.
  template <std::ranges::input_range Range, detail::TokenFor<> Token = DefaultToken>
  auto write_rows(Range&& rows, Token&& token = {}) {
    detail::CopyRows<std::remove_reference_t<Range>> source(rows);
    std::string data;
    while (true) {
      const std::string_view piece = source.next();
      if (piece.empty()) break;
      data += piece;
    }
    return write(std::move(data), std::forward<Token>(token));
  }
  /// Completes with the next piece, a std::string: up to 64 KiB and a row, or what the server has sent so
  /// far; empty at the end. In text and CSV format it ends with a row.
  template <detail::TokenFor<std::string> Token = DefaultToken>
  auto read(Token&& token = {}) {
    return detail::initiate<std::string>(
        this, [](auto& self, auto handler) { self.start_read(std::move(handler)); }, token);
  }
  /// Ends the data, and completes with the number of rows copied, a std::int64_t.
  template <detail::TokenFor<std::int64_t> Token = DefaultToken>
  auto finish(Token&& token = {}) {
    return detail::initiate<std::int64_t>(
        this, [](auto& self, auto handler) { self.start_finish(std::move(handler)); }, token);
  }
  /// Ends it without effect. Nothing if it has ended.
  template <detail::TokenFor<> Token = DefaultToken>
  auto cancel(Token&& token = {}) {
    return detail::initiate<>(
        this, [](auto& self, auto handler) { self.start_cancel(std::move(handler)); }, token);
  }

 private:
  friend struct async::CopyBegin;
  AsyncCopy(std::shared_ptr<async::Loop> loop, std::weak_ptr<async::LeaseState> lease,
            std::shared_ptr<pq::KeptCopy> copy, std::optional<Deadline> deadline) noexcept;
  void start_write(detail::Handler<> handler, std::string data);
  void start_read(detail::Handler<std::string> handler);
  void start_finish(detail::Handler<std::int64_t> handler);
  void start_cancel(detail::Handler<> handler);
  template <class Kept, class Handler>
  void start(Kept kept, Handler handler);

  std::shared_ptr<async::Loop> loop_;
  std::weak_ptr<async::LeaseState> lease_;
  std::shared_ptr<pq::KeptCopy> copy_;
  std::optional<Deadline> deadline_;  // of all calls
};

}  // namespace copg
#pragma GCC visibility pop
