#include "share/coroutines.hpp"

#include <copg/async.hpp>

#include <unistd.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace copg::bench {
namespace {

namespace asio = boost::asio;

class Coroutines final : public Contestant {
 public:
  Coroutines(const char* url, int connections, bool share, const Statements& statements)
      : statements_(statements),
        db_(AsyncPooledDatabase::from_url(
            io_, url, {.min_size = connections, .max_size = connections, .share = share})) {
    asio::co_spawn(io_, connect(), asio::detached);
    io_.run();
  }

  Turn closed_loop(int clients, Queries queries) override {
    observation_.emplace();
    for (int i = 0; i < clients; ++i) asio::co_spawn(io_, client(queries), asio::detached);
    return finish();
  }
  Turn open_loop(const Arrivals& arrivals) override {
    observation_.emplace();
    more_to_come_ = true;
    asio::co_spawn(io_, receive(arrivals.descriptor()), asio::detached);
    return finish();
  }
  [[nodiscard]] Sharing sharing() const override {
    const PoolStats stats = db_.stats();
    return {stats.statements_shared, stats.runs_num, stats.statements_isolated};
  }

 private:
  Turn finish() {
    io_.restart();
    io_.run();
    return observation_->end();
  }
  void stop_when_done() {
    if (!more_to_come_ && observation_->all_answered()) io_.stop();
  }

  asio::awaitable<void> connect() {
    co_await db_.open();
    io_.stop();
  }
  asio::awaitable<void> client(Queries& queries) {
    while (!queries.over()) {
      const Query query = queries.next();
      observation_->admit(query);
      co_await ask(query);
    }
    stop_when_done();
  }
  asio::awaitable<void> receive(int descriptor) {
    asio::posix::stream_descriptor pipe(io_, dup(descriptor));
    std::array<Arrival, 256> arrivals;
    boost::system::error_code error;
    while (!error) {
      const std::size_t bytes = co_await pipe.async_read_some(
          asio::buffer(arrivals), asio::redirect_error(asio::use_awaitable, error));
      for (std::size_t i = 0; i < bytes / sizeof(Arrival); ++i) {
        const Query query = query_of(arrivals[i]);
        if (observation_->admit(query)) asio::co_spawn(io_, serve(query), asio::detached);
      }
    }
    more_to_come_ = false;
    stop_when_done();
  }
  asio::awaitable<void> serve(Query query) {
    co_await ask(query);
    stop_when_done();
  }
  asio::awaitable<void> ask(const Query& query) {
    const Result result = co_await db_.execute(query.slow ? statements_.slow : statements_.fast, query.row);
    if (result.size() != 1 || result[0][0].as<std::int64_t>() != query.row) {
      std::fputs("copg-bench-share: wrong row\n", stderr);
      std::exit(1);
    }
    observation_->answered(query);
  }

  const Statements statements_;
  asio::io_context io_{1};
  AsyncPooledDatabase db_;
  std::optional<Observation> observation_;
  bool more_to_come_ = false;
};

}  // namespace

std::unique_ptr<Contestant> make_coroutines(const char* url, int connections, bool share,
                                            const Statements& statements) {
  return std::make_unique<Coroutines>(url, connections, share, statements);
}

}  // namespace copg::bench
