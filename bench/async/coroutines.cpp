#include "async/coroutines.hpp"

#include <copg/async.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>

namespace copg::bench {
namespace {

namespace asio = boost::asio;

class Coroutines final : public Contestant {
 public:
  Coroutines(const char* url, bool share)
      : db_(AsyncPooledDatabase::from_url(
            io_, url,
            {.min_size = connections, .max_size = connections, .max_waiting = 1'000'000, .share = share})) {
    asio::co_spawn(io_, open(), asio::detached);
    io_.run();
  }

  Turn run(int concurrency, long queries) override {
    Stopwatch watch(queries);
    watch_ = &watch;
    started_ = 0;
    limit_ = queries;
    running_ = concurrency;
    for (int i = 0; i < concurrency; ++i) asio::co_spawn(io_, client(), asio::detached);
    io_.restart();
    io_.run();
    return watch.stop();
  }

 private:
  asio::awaitable<void> open() {
    co_await db_.open();
    io_.stop();
  }
  asio::awaitable<void> client() {
    while (started_ < limit_) {
      const int row = row_of(started_++);
      const double asked_at = Stopwatch::now();
      const Result result = co_await db_.execute(point_select, row);
      if (result.size() != 1 || result[0][0].as<int>() != row) {
        std::fputs("copg-bench-async: wrong row\n", stderr);
        std::exit(1);
      }
      watch_->answered(asked_at);
    }
    if (--running_ == 0) io_.stop();
  }

  asio::io_context io_{1};
  AsyncPooledDatabase db_;
  Stopwatch* watch_ = nullptr;
  long started_ = 0;
  long limit_ = 0;
  int running_ = 0;
};

}  // namespace

std::unique_ptr<Contestant> make_coroutines(const char* url, bool share) {
  return std::make_unique<Coroutines>(url, share);
}

}  // namespace copg::bench
