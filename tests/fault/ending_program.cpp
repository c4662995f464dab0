// Ends with its pools open, in the way that its second argument names. Exit status 0: as it should.
#include <copg/copg.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
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

bool thread_can_start() {
  try {
    std::thread([] {}).join();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

/// As a user who may have no more threads than there are. (Root has no limit.)
bool use_up_threads() {
  constexpr uid_t somebody = 64123;
  const rlimit none{.rlim_cur = 1, .rlim_max = 1};
  return ::setrlimit(RLIMIT_NPROC, &none) == 0 && (::geteuid() != 0 || ::setuid(somebody) == 0) &&
         !thread_can_start();
}

/// `Error` is thrown.
template <class Error, class Body>
bool throws(Body body) {
  try {
    body();
  } catch (const Error&) {
    return true;
  }
  return false;
}

/// Everything that takes a thread of ours goes on, or fails with an error of ours. 0, or the number of what
/// does not.
int live_without_more_threads(const std::string& url) {
  using namespace std::chrono_literals;
  PooledDatabase db = PooledDatabase::from_url(url, {.min_size = 2, .max_size = 2, .timeout = 20s});
  db.wait();
  bool told = false;
  std::thread caller([&] { told = throws<copg::PoolClosed>([&] { db.execute("SELECT pg_sleep(60)"); }); });
  if (!copg::test::eventually([&] { return db.stats().leased == 1; }) || !use_up_threads()) return 10;
  {  // a cancel, and the connection lives on
    copg::Connection lease = db.connection();
    lease.timeout(300ms);
    if (!throws<copg::QueryTimeout>([&] { lease.execute("SELECT pg_sleep(60)"); })) return 11;
  }
  const auto connections = db.stats().connections_num;
  if (db.fetch_val<int>("SELECT 1") != 1 || db.stats().connections_num != connections) return 12;
  db.drain();  // names are looked up
  if (!copg::test::eventually([&] { return db.stats().connections_num > connections; })) return 13;
  if (db.fetch_val<int>("SELECT 2") != 2) return 14;
  if (!throws<copg::ConnectionFailed>([&] { PooledDatabase::from_url(url); })) return 15;
  db.close(0s);
  caller.join();
  return told && db.stats().pool_size == 0 ? 0 : 16;
}

bool serves(PooledDatabase& db) { return db.fetch_val<int>("SELECT 1") == 1; }

/// Forks at some moment of the first connects of a process. 0: the child could connect.
int fork_while_connecting(const std::string& url, std::chrono::microseconds after) {
  PooledDatabase db = PooledDatabase::from_url(url, {.min_size = 3, .max_size = 3});
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < after) std::this_thread::yield();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(serves(db) ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 && serves(db) ? 0 : 1;
}

int end(const std::string& url, const std::string& way) {
  if (way == "no_more_threads") return live_without_more_threads(url);
  if (way.starts_with("fork_after_"))
    return fork_while_connecting(url, std::chrono::microseconds(std::stoi(way.substr(11))));
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
  if (way == "exit_with_statements") {
    for (int i = 0; i < 2; ++i) {
      std::thread([&] {
        try {
          db.execute("SELECT pg_sleep(60)");
        } catch (const copg::PoolClosed&) {
        }
      }).detach();
    }
    return copg::test::eventually([&] { return db.stats().leased == 2; }) ? 0 : 1;
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
