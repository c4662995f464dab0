// What the tests of the example services have in common: a server with a table of users, and each service as
// a process of its own.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <sstream>
#include <vector>

#include "integration/database_test.hpp"
#include "support/http_client.hpp"
#include "testing/child_process.hpp"

namespace copg::test {

inline std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A service that runs. Killed at the end, if it still does.
class Service {
 public:
  Service(const std::string& program, const std::string& database_url, std::vector<std::string> options) {
    ::close(::mkstemp(output_.data()));
    options.insert(options.begin(), program);
    pid_ = testing::spawn({.arguments = std::move(options),
                           .environment = {{"DATABASE_URL", database_url}},
                           .dropped_environment = {"DB_", "PG"},
                           .output = output_});
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
      testing::wait_for_exit(pid_);
    }
    EXPECT_EQ(output().find("Sanitizer"), std::string::npos) << output();
    ::unlink(output_.c_str());
  }

  /// Where it listens; waits for it.
  [[nodiscard]] std::uint16_t port() {
    static constexpr std::string_view word = "listening on http://127.0.0.1:";
    std::string text;
    const bool listens = eventually([&] {
      text = output();
      return (text.find(word) != std::string::npos && text.ends_with("\n")) || exit_status(0ms);
    });
    if (!listens || status_) throw std::runtime_error("it does not listen; it says: " + text);
    return static_cast<std::uint16_t>(std::stoi(text.substr(text.find(word) + word.size())));
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// Its exit status, once it has ended within `limit`.
  [[nodiscard]] std::optional<int> exit_status(std::chrono::milliseconds limit = patience) {
    if (!status_) status_ = testing::wait_for_exit(pid_, limit);
    return status_;
  }
  [[nodiscard]] std::string output() const { return text_of(output_); }

 private:
  std::string output_ = ::testing::TempDir() + "copg-service-XXXXXX";
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// The parameter is the program.
class ServiceTest : public DatabaseTest, public ::testing::WithParamInterface<const char*> {
 protected:
  static void SetUpTestSuite() {
    DatabaseTest::SetUpTestSuite();
    open().execute("DROP TABLE IF EXISTS users");
    open().execute(text_of(COPG_EXAMPLES "/users.sql"));
  }
  [[nodiscard]] static std::string url() { return server().url() + "&application_name=service"; }
  /// A service, on a free port.
  [[nodiscard]] static Service start(std::vector<std::string> options = {}) {
    options.insert(options.end(), {"--port", "0"});
    return Service(GetParam(), url(), std::move(options));
  }
  /// Each request on a connection of its own, all at the same time.
  [[nodiscard]] static std::vector<std::future<HttpResponse>> get_at_once(int count, std::uint16_t port) {
    std::vector<std::future<HttpResponse>> answers;
    for (int i = 0; i < count; ++i) {
      answers.push_back(std::async(std::launch::async, [port] { return get(port, "/users/1"); }));
    }
    return answers;
  }
  /// Waits until `count` statements of the service wait for a lock.
  [[nodiscard]] static bool wait_for_blocked(PooledDatabase& db, int count) {
    return eventually([&] {
      return db.fetch_val<int>(
                 "SELECT count(*) FROM pg_stat_activity "
                 "WHERE application_name = 'service' AND wait_event_type = 'Lock'") == count;
    });
  }
};

inline constexpr const char* one_user = R"({"id":2,"name":"Bob","email":null})";

}  // namespace copg::test
