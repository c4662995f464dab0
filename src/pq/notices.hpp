// The notices that a server sends on one connection. They are not printed, as libpq would by default.
#pragma once

#include <libpq-fe.h>

#include <copg/notice.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

namespace copg::pq {

class Notices {
 public:
  /// Notices kept of the connection; older ones are dropped.
  static constexpr std::size_t kept = 8;
  /// Notices kept of one statement; later ones are dropped.
  static constexpr std::size_t kept_of_statement = 1000;
  /// Must not throw.
  using Told = std::function<void(const Notice&)>;

  Notices() = default;
  Notices(const Notices&) = delete;  // libpq holds its address
  Notices& operator=(const Notices&) = delete;

  /// Makes `conn` report its notices here for as long as it lives.
  void receive_from(PGconn* conn) noexcept;
  [[nodiscard]] const std::deque<Notice>& recent() const noexcept { return recent_; }
  /// Whether a FATAL or PANIC came outside a query, which libpq passes on as a notice.
  [[nodiscard]] bool farewell() const noexcept { return farewell_; }
  void clear() noexcept { recent_.clear(); }
  /// From now on `told` is called with each notice, while it is being read.
  void tell(Told told) { told_ = std::move(told); }

  // Those that came since the last `take` or `forget`: the statement's whose answer is being read. libpq
  // reads no further than the end of an answer until that is taken.

  [[nodiscard]] bool pending() const noexcept { return !pending_.empty(); }
  [[nodiscard]] std::vector<Notice> take() noexcept { return std::exchange(pending_, {}); }
  void forget() noexcept { pending_.clear(); }

 private:
  static void take(void* self, const PGresult* notice) noexcept;

  bool farewell_ = false;
  std::deque<Notice> recent_;
  std::vector<Notice> pending_;
  Told told_;
};

}  // namespace copg::pq
