// Ends with its pools open, in the way that its second argument names. Exit status 0: as it should.
#include <copg/copg.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "support/eventually.hpp"

// Two of the ways leave a pool behind on purpose, which the leak sanitizer would make the exit status of.
extern "C" [[gnu::visibility("default")]] const char* __asan_default_options() { return "detect_leaks=0"; }

namespace {

using copg::PooledDatabase;

std::optional<copg::Connection> static_lease;  // destroyed after the pool below

PooledDatabase& static_pool(const std::string& url) {
  static PooledDatabase pool = PooledDatabase::from_url(url, {.min_size = 2, .max_size = 2});
  return pool;
}

bool serves(PooledDatabase& db) { return db.fetch_val<int>("SELECT 1") == 1; }

int end(const std::string& url, const std::string& way) {
  PooledDatabase& db = static_pool(url);
  if (!serves(db)) return 1;
  if (way == "static_pool") return 0;
  if (way == "static_lease_outlives_pool") {
    db.close(std::chrono::milliseconds(100));
    static_lease = PooledDatabase::from_url(url).connection();
    return 0;
  }
  if (way == "leaked_pool") {
    auto* leaked = std::make_unique<PooledDatabase>(PooledDatabase::from_url(url)).release();
    return serves(*leaked) ? 0 : 1;
  }
  if (way == "exit_in_a_thread") {
    std::thread([] { std::exit(0); }).join();
  }
  if (way == "exit_in_a_child") {
    const pid_t child = ::fork();
    if (child == 0) std::exit(serves(db) ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status == 0 && serves(db) ? 0 : 1;
  }
  if (way == "exit_with_waiters") {
    static const auto one = db.connection();
    static const auto two = db.connection();
    std::thread([&] {
      try {
        db.execute("SELECT 1");
      } catch (const copg::PoolClosed&) {
      }
    }).detach();
    return copg::test::eventually([&] { return db.stats().requests_waiting == 1; }) ? 0 : 1;
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) { return argc == 3 ? end(argv[1], argv[2]) : 2; }
