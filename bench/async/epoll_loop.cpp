#include "async/epoll_loop.hpp"

#include <libpq-fe.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>

namespace copg::bench {
namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "copg-bench-async: %s\n", what);
  std::exit(1);
}

class EpollLoop final : public Contestant {
 public:
  explicit EpollLoop(const char* url) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (auto& connection : connections_) {
      connection.conn = PQconnectdb(url);
      require(PQstatus(connection.conn) == CONNECTION_OK, PQerrorMessage(connection.conn));
      PQclear(PQprepare(connection.conn, "q", point_select, 1, nullptr));
      PQsetnonblocking(connection.conn, 1);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, PQsocket(connection.conn), &event);
    }
  }
  ~EpollLoop() override {
    for (auto& connection : connections_) PQfinish(connection.conn);
    close(epoll_);
  }

  Turn run(int concurrency, long queries) override {
    Stopwatch watch(queries);
    started_ = 0;
    limit_ = queries;
    long answered = 0;
    for (int i = 0; i < concurrency; ++i) waiting_.push_back(Stopwatch::now());
    for (auto& connection : connections_) send_next(connection);
    while (answered < queries) {
      std::array<epoll_event, 64> events;
      const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (!take_answer(connection)) continue;
        watch.answered(connection.asked_at);
        ++answered;
        waiting_.push_back(Stopwatch::now());
        send_next(connection);
      }
    }
    waiting_.clear();
    return watch.stop();
  }

 private:
  struct Connection {
    PGconn* conn = nullptr;
    double asked_at = 0;
    int row = 0;
  };

  /// The request that has waited longest goes onto the connection.
  void send_next(Connection& connection) {
    if (waiting_.empty() || started_ == limit_) return;
    connection.asked_at = waiting_.front();
    waiting_.pop_front();
    connection.row = row_of(started_++);
    const std::string text = std::to_string(connection.row);
    const std::array<const char*, 1> values = {text.c_str()};
    require(PQsendQueryPrepared(connection.conn, "q", 1, values.data(), nullptr, nullptr, 0) == 1,
            "could not send");
    require(PQflush(connection.conn) == 0, "could not flush");
  }

  /// False: there is more to come.
  static bool take_answer(Connection& connection) {
    require(PQconsumeInput(connection.conn) == 1, PQerrorMessage(connection.conn));
    while (PQisBusy(connection.conn) == 0) {
      PGresult* const result = PQgetResult(connection.conn);
      if (result == nullptr) return true;
      require(PQntuples(result) == 1 && std::atoi(PQgetvalue(result, 0, 0)) == connection.row, "wrong row");
      PQclear(result);
    }
    return false;
  }

  const int epoll_;
  std::array<Connection, connections> connections_;
  std::deque<double> waiting_;  // since when
  long started_ = 0;
  long limit_ = 0;
};

}  // namespace

std::unique_ptr<Contestant> make_epoll_loop(const char* url) { return std::make_unique<EpollLoop>(url); }

}  // namespace copg::bench
