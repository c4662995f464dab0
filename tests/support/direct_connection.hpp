// A connection of a test's own to a server, beside the pool that is tested.
#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace copg::test {

class DirectConnection {
 public:
  using Rows = std::vector<std::vector<std::string>>;

  /// Throws std::runtime_error with libpq's words.
  explicit DirectConnection(const std::string& url);

  /// What a statement returns; NULL is an empty text. Throws std::runtime_error with PostgreSQL's words, or,
  /// soon after `over` has become true, without an answer.
  Rows rows(const std::string& sql, const std::atomic<bool>* over = nullptr);
  /// The first value that a statement returns; empty for NULL and for none.
  std::string value(const std::string& sql, const std::atomic<bool>* over = nullptr);

 private:
  void wait_for_answer(const std::atomic<bool>* over);

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

}  // namespace copg::test
