// The last few notices that a server sent on one connection. Never prints; libpq's default would write to
// stderr.
#pragma once

#include <libpq-fe.h>

#include <copg/sqlstate.hpp>

#include <cstddef>
#include <deque>
#include <string>

namespace copg::pq {

struct Notice {
  /// NOTICE, WARNING, INFO, LOG, DEBUG; FATAL for the farewell of a server that goes down.
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
  /// A FATAL or PANIC came outside a query: libpq hands it over as a notice.
  [[nodiscard]] bool farewell() const noexcept { return farewell_; }
  void clear() noexcept { recent_.clear(); }

 private:
  static void take(void* self, const PGresult* notice) noexcept;

  bool farewell_ = false;
  std::deque<Notice> recent_;
};

}  // namespace copg::pq
