// What the monitors of copg's pools say of them (GET /stats.json), as values.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace copg::tools {

/// A monitor's answer that is not a document of a version that is known here: what() says what is wrong.
class UnknownDocument : public std::exception {
 public:
  explicit UnknownDocument(std::string what) : what_(std::move(what)) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

/// Times of one kind within the last minute, in seconds.
struct TopTimes {
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
  double longest = 0;
  std::uint64_t count = 0;
};

/// Numbers of connections by their state.
struct TopConnections {
  std::uint64_t idle = 0;
  std::uint64_t leased = 0;
  std::uint64_t connecting = 0;
  std::uint64_t resetting = 0;
  std::uint64_t checking = 0;
  std::uint64_t closing = 0;
  [[nodiscard]] std::uint64_t all() const {
    return idle + leased + connecting + resetting + checking + closing;
  }
};

struct TopLease {
  std::uint64_t connection = 0;  ///< Its number in the pool.
  std::int64_t backend_pid = 0;
  std::string name{};
  std::string place{};
  std::string holder{};
  double age = 0;                          ///< Seconds.
  std::optional<double> idle{};            ///< Seconds; nothing while a call is under way.
  bool held_idle = false;                  ///< Longer than the pool allows.
  std::string transaction{};               ///< none, open or failed; unknown while a statement runs.
  std::optional<std::string> statement{};  ///< Nothing: none runs, or texts are not shown.
};

struct TopWaiter {
  std::string kind{};  ///< connection or statement.
  double age = 0;      ///< Seconds.
  std::string place{};
  std::string holder{};
  std::optional<std::string> statement{};
};

struct TopSlow {
  double time = 0;     ///< Seconds since 1970.
  double seconds = 0;  ///< How long it took.
  std::string statement{};
  std::uint64_t connection = 0;
};

/// An error, or a connection that was closed.
struct TopTrouble {
  double time = 0;     ///< Seconds since 1970.
  std::string what{};  ///< The kind of the error, or the reason of the close.
  std::string sqlstate{};
  std::string message{};
  std::optional<std::uint64_t> connection{};  ///< That was closed; nothing: it is an error.
};

struct TopPool {
  std::string name{};
  std::uint64_t min_size = 0;
  std::uint64_t max_size = 0;
  TopConnections connections{};
  std::uint64_t waiters_for_connection = 0;
  std::uint64_t waiters_with_statement = 0;
  double requests_per_second = 0;  ///< In the last minute.
  double waited = 0;               ///< The part of the last minute's requests that waited: 0 to 1.
  TopTimes wait{};
  TopTimes operation{};
  std::vector<TopLease> leases{};
  std::uint64_t leases_total = 0;  ///< With those that are not in `leases`.
  std::vector<TopWaiter> waiting{};
  std::uint64_t waiting_total = 0;
  std::vector<TopSlow> slowest{};
  std::vector<TopTrouble> troubles{};  ///< The newest first.
  std::string advice{};                ///< Empty: the size is right, or nothing is known.
  bool healthy = true;
  std::string health_reason{};
};

struct TopProcess {
  std::int64_t pid = 0;
  std::string host{};
  std::string program{};
  double started = 0;  ///< Seconds since 1970.
  double time = 0;     ///< Of the document, in seconds since 1970.
  std::vector<TopPool> pools{};
};

/// The answer's text as JSON. Throws UnknownDocument.
boost::json::value parse_document(std::string_view text);

/// What the document says. What is missing in it has the value of its default, so that monitors of other
/// versions of copg are understood as far as they can be. Throws UnknownDocument.
TopProcess read_document(const boost::json::value& document);

}  // namespace copg::tools
