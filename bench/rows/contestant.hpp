// What every way to read many rows into structs is asked to do by `copg-bench-rows`.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace copg::bench {

/// Numbers, texts and a boolean; one column may be NULL.
struct Plain {
  std::int32_t id;
  std::string name;
  std::optional<std::string> email;
  bool active;
  double score;
  std::int64_t visits;
  friend bool operator==(const Plain&, const Plain&) = default;
};

/// A point in time and a numeric besides.
struct Dated {
  std::int64_t id;
  std::string name;
  std::chrono::sys_time<std::chrono::microseconds> created;
  double price;
  bool active;
  std::optional<std::string> email;
  friend bool operator==(const Dated&, const Dated&) = default;
};

class Contestant {
 public:
  Contestant() = default;
  Contestant(const Contestant&) = delete;
  Contestant& operator=(const Contestant&) = delete;
  virtual ~Contestant() = default;
  /// All rows of the statement. The contestant that reads no value returns none.
  virtual std::vector<Plain> plain(const std::string& sql) = 0;
  virtual std::vector<Dated> dated(const std::string& sql) = 0;
};

/// libpq receives the rows, and nobody reads them: what is left to be saved lies above it.
std::unique_ptr<Contestant> make_unread(const std::string& url);
/// libpq, and a loop written for just these columns.
std::unique_ptr<Contestant> make_by_hand(const std::string& url);
std::unique_ptr<Contestant> make_copg(const std::string& url);
#ifdef COPG_BENCH_LIBPQXX
std::unique_ptr<Contestant> make_libpqxx(const std::string& url);
#endif

}  // namespace copg::bench
