// One face of copg that does one kind of work a given number of times, for `scripts/bench instructions` to
// count.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <copg/async.hpp>
#include <copg/copg.hpp>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

namespace asio = boost::asio;

namespace {

constexpr auto point_select = "SELECT id, name FROM bench_loop WHERE id = $1";
constexpr auto insert = "INSERT INTO bench_loop_log VALUES ($1)";

using Work = std::function<void(copg::PooledDatabase&, int)>;
using AsyncWork = std::function<asio::awaitable<void>(copg::AsyncPooledDatabase&, int)>;

void require(bool right) {
  if (!right) std::abort();
}

const std::map<std::string_view, Work> works = {
    {"select",
     [](copg::PooledDatabase& db, int i) { require(db.execute(point_select, i % 100).size() == 1); }},
    {"fetch_val",
     [](copg::PooledDatabase& db, int i) {
       require(db.fetch_val<int>("SELECT id FROM bench_loop WHERE id = $1", i % 100) == i % 100);
     }},
    {"insert", [](copg::PooledDatabase& db, int i) { require(db.execute(insert, i).affected_rows() == 1); }},
    {"transaction",
     [](copg::PooledDatabase& db, int i) {
       db.transaction([&](copg::Connection& conn) {
         require(conn.execute(point_select, i % 100).size() == 1);
         conn.execute(insert, i);
       });
     }},
    {"function",
     [](copg::PooledDatabase& db, int i) { require(db.execute("SELECT bench_loop_f($1)", i).size() == 1); }},
};

const std::map<std::string_view, AsyncWork> async_works = {
    {"select",
     [](copg::AsyncPooledDatabase& db, int i) -> asio::awaitable<void> {
       const copg::Result result = co_await db.execute(point_select, i % 100);
       require(result.size() == 1);
     }},
    {"fetch_val",
     [](copg::AsyncPooledDatabase& db, int i) -> asio::awaitable<void> {
       const int id = co_await db.fetch_val<int>("SELECT id FROM bench_loop WHERE id = $1", i % 100);
       require(id == i % 100);
     }},
    {"insert",
     [](copg::AsyncPooledDatabase& db, int i) -> asio::awaitable<void> {
       const copg::Result result = co_await db.execute(insert, i);
       require(result.affected_rows() == 1);
     }},
    {"transaction",
     [](copg::AsyncPooledDatabase& db, int i) -> asio::awaitable<void> {
       co_await db.transaction([i](copg::AsyncConnection& conn) -> asio::awaitable<void> {
         const copg::Result result = co_await conn.execute(point_select, i % 100);
         require(result.size() == 1);
         co_await conn.execute(insert, i);
       });
     }},
};

asio::awaitable<void> repeat(copg::AsyncPooledDatabase& db, const AsyncWork& work, int count) {
  co_await db.open();
  for (int i = 0; i < count; ++i) co_await work(db, i);
  co_await db.close();
}

void run(std::string_view face, std::string_view work, int count) {
  const copg::Config config = copg::Config::from_url(std::getenv("DATABASE_URL"));
  const copg::PoolOptions options{.min_size = 1, .max_size = 1};
  if (face == "threads") {
    copg::PooledDatabase db(config, options);
    for (int i = 0; i < count; ++i) works.at(work)(db, i);
    return db.close();
  }
  asio::io_context io(1);
  copg::AsyncPooledDatabase db(io.get_executor(), config, options);
  asio::co_spawn(io, repeat(db, async_works.at(work), count), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  io.run();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: copg-bench-loop threads|asio select|fetch_val|insert|transaction|function COUNT\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], std::atoi(argv[3]));
  } catch (const std::exception& error) {
    std::cerr << "copg-bench-loop: " << error.what() << '\n';
    return 1;
  }
}
