// See quickstart_load.hpp.
#include "quickstart_load.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <copg/copg.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace copg::tools {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds progress_interval{100};

struct User {
  std::int64_t id;
  std::string name;
  std::string email;
};

void check_answer(std::int64_t asked, std::int64_t got) {
  if (asked != got) throw std::runtime_error(fmt::format("asked for user {}, got user {}", asked, got));
}

/// Lets `options.threads` threads call `request(id)` over and over, and measures each call.
class Load {
 public:
  Load(const LoadOptions& options, const std::atomic<bool>& stop) : options_(options), stop_(stop) {}

  LoadResult run(const std::function<void(std::int64_t)>& request, const Progress& progress) {
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration_cast<Clock::duration>(options_.period);
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.threads; ++i) {
      threads.emplace_back([&, i] { work(request, static_cast<unsigned>(i), end); });
    }
    while (Clock::now() < end && !over()) {
      std::this_thread::sleep_for(progress_interval);
      progress(Clock::now() - start, answered_.load());
    }
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    if (error_) std::rethrow_exception(error_);
    return summary(elapsed);
  }

 private:
  [[nodiscard]] bool over() const { return stop_.load() || failed_.load(); }

  void work(const std::function<void(std::int64_t)>& request, unsigned seed, Clock::time_point end) {
    std::vector<double> times;
    std::minstd_rand random(seed + 1);
    std::uniform_int_distribution<std::int64_t> ids(1, options_.rows);
    try {
      while (Clock::now() < end && !over()) {
        const auto start = Clock::now();
        request(ids(random));
        times.push_back(Microseconds(Clock::now() - start).count());
        answered_.fetch_add(1, std::memory_order_relaxed);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    times_.insert(times_.end(), times.begin(), times.end());
  }

  LoadResult summary(std::chrono::duration<double> elapsed) {
    LoadResult result;
    result.requests = times_.size();
    if (times_.empty()) return result;
    const auto at = [&](std::size_t percent) {
      const auto place = times_.begin() + static_cast<std::ptrdiff_t>((times_.size() - 1) * percent / 100);
      std::nth_element(times_.begin(), place, times_.end());
      return Microseconds(*place);
    };
    result.requests_per_second = static_cast<double>(times_.size()) / elapsed.count();
    result.p50 = at(50);
    result.p99 = at(99);
    return result;
  }

  const LoadOptions& options_;
  const std::atomic<bool>& stop_;
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> answered_ = 0;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::vector<double> times_;  // microseconds
};

std::string query_on(const std::string& table) {
  return "SELECT id, name, email FROM " + table + " WHERE id = $1";
}

/// What a program without a pool does for each request.
void connect_and_ask(const std::vector<std::pair<std::string, std::string>>& keywords, const std::string& sql,
                     std::int64_t id) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  const std::unique_ptr<PGconn, decltype(&PQfinish)> conn(PQconnectdbParams(names.data(), values.data(), 0),
                                                          &PQfinish);
  if (PQstatus(conn.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(conn.get()));
  const std::string text = std::to_string(id);
  const char* parameter = text.c_str();
  const std::unique_ptr<PGresult, decltype(&PQclear)> rows(
      PQexecParams(conn.get(), sql.c_str(), 1, nullptr, &parameter, nullptr, nullptr, 0), &PQclear);
  if (PQntuples(rows.get()) != 1) throw std::runtime_error(PQerrorMessage(conn.get()));
  check_answer(id, std::stoll(PQgetvalue(rows.get(), 0, 0)));
}

}  // namespace

UsersTable::UsersTable(const Config& config, int rows)
    : config_(config), schema_(fmt::format("copg_quickstart_{}_{:08x}", ::getpid(), std::random_device()())) {
  PooledDatabase db(config_, {.min_size = 0, .max_size = 1});
  // One transaction: with an error or a lost connection in the middle nothing is left either.
  db.transaction([&](Connection& connection) {
    connection.execute("CREATE SCHEMA " + schema_);
    connection.execute("CREATE TABLE " + name() +
                       " (id bigint PRIMARY KEY, name text NOT NULL, email text NOT NULL)");
    connection.execute(
        "INSERT INTO " + name() +
            " SELECT i, 'user ' || i, 'user' || i || '@example.org' FROM generate_series(1, $1) i",
        rows);
  });
  db.execute("ANALYZE " + name());
}

UsersTable::~UsersTable() {
  try {
    PooledDatabase db(config_, {.min_size = 0, .max_size = 1});
    db.execute("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
  } catch (const std::exception& error) {
    fmt::print(stderr, "could not drop the schema {}: {}\n", schema_, error.what());
  }
}

LoadResult run_without_pool(const Config& config, const std::string& table, const LoadOptions& options,
                            const std::atomic<bool>& stop, const Progress& progress) {
  const auto keywords = config.keywords();
  const std::string sql = query_on(table);
  LoadResult result =
      Load(options, stop).run([&](std::int64_t id) { connect_and_ask(keywords, sql, id); }, progress);
  result.connections_opened = result.requests;
  return result;
}

LoadResult run_with_pool(const Config& config, const std::string& table, const LoadOptions& options,
                         const std::atomic<bool>& stop, const Progress& progress, PoolStats& stats) {
  PooledDatabase db(config, {.min_size = std::min(2, options.pool_size), .max_size = options.pool_size});
  const std::string sql = query_on(table);
  LoadResult result =
      Load(options, stop)
          .run([&](std::int64_t id) { check_answer(id, db.fetch_one<User>(sql, id).value().id); }, progress);
  stats = db.stats();
  result.connections_opened = stats.connections_num;
  return result;
}

}  // namespace copg::tools
