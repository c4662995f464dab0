// The last few notices that a server sent on one connection. They are not printed, as libpq would by default.
#pragma once

#include <libpq-fe.h>

#include <copg/sqlstate.hpp>

#include <cstddef>
#include <deque>
#include <string>

namespace copg::pq {

struct Notice {
  /// NOTICE, WARNING, INFO, LOG or DEBUG; FATAL from a server that is shutting down.
  std::string severity;
  SqlState sqlstate{};
  std::string message;
};

class Notices {
 public:
  /// Notices kept; older ones are dropped.
  static constexpr std::size_t kept = 8;

  Notices() = default;
  Notices(const Notices&) = delete;  // libpq holds its address
  Notices& operator=(const Notices&) = delete;

  /// Makes `conn` report its notices here for as long as it lives.
  void receive_from(PGconn* conn) noexcept;
  [[nodiscard]] const std::deque<Notice>& recent() const noexcept { return recent_; }
  /// Whether a FATAL or PANIC came outside a query, which libpq passes on as a notice.
  [[nodiscard]] bool farewell() const noexcept { return farewell_; }
  void clear() noexcept { recent_.clear(); }

 private:
  static void take(void* self, const PGresult* notice) noexcept;

  bool farewell_ = false;
  std::deque<Notice> recent_;
};

}  // namespace copg::pq
