#include "share/epoll_loop.hpp"

#include <libpq-fe.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

namespace copg::bench {
namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "copg-bench-share: %s\n", what);
  std::exit(1);
}

class EpollLoop final : public Contestant {
 public:
  EpollLoop(const char* url, int connections, const Statements& statements)
      : connections_(static_cast<std::size_t>(connections)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (auto& connection : connections_) {
      connection.conn = PQconnectdb(url);
      require(PQstatus(connection.conn) == CONNECTION_OK, PQerrorMessage(connection.conn));
      PQclear(PQprepare(connection.conn, "fast", statements.fast.c_str(), 1, nullptr));
      PQclear(PQprepare(connection.conn, "slow", statements.slow.c_str(), 1, nullptr));
      PQsetnonblocking(connection.conn, 1);
      watch(PQsocket(connection.conn), &connection);
      idle_.push_back(&connection);
    }
  }
  ~EpollLoop() override {
    for (auto& connection : connections_) PQfinish(connection.conn);
    close(epoll_);
  }

  Turn closed_loop(int clients, Queries queries) override {
    Observation observation;
    const auto ask = [&] {
      waiting_.push_back(queries.next());
      observation.admit(waiting_.back());
    };
    for (int i = 0; i < clients; ++i) ask();
    send_waiting();
    while (!observation.all_answered()) {
      turn_once(observation, [&] {
        if (!queries.over()) ask();
      });
    }
    return observation.end();
  }
  Turn open_loop(const Arrivals& arrivals) override {
    Observation observation;
    arrivals_ = arrivals.descriptor();
    watch(arrivals_, nullptr);
    while (arrivals_ >= 0 || !observation.all_answered()) turn_once(observation, [] {});
    return observation.end();
  }

 private:
  struct Connection {
    PGconn* conn = nullptr;
    Query query{};
  };

  void watch(int descriptor, Connection* connection) const {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connection}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  template <class Function>
  void turn_once(Observation& observation, Function&& when_answered) {
    std::array<epoll_event, 64> events;
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      auto* const connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (connection == nullptr) {
        receive(observation);
      } else if (take_answer(*connection)) {
        observation.answered(connection->query);
        idle_.push_back(connection);
        when_answered();
      }
      send_waiting();
    }
  }

  void receive(Observation& observation) {
    std::array<Arrival, 256> arrivals;
    const ssize_t bytes = read(arrivals_, arrivals.data(), sizeof(arrivals));
    if (bytes <= 0) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, arrivals_, nullptr);
      arrivals_ = -1;
      return;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(bytes) / sizeof(Arrival); ++i) {
      const Query query = query_of(arrivals[i]);
      if (observation.admit(query)) waiting_.push_back(query);
    }
  }

  /// Those that have waited longest go onto the connections that are idle.
  void send_waiting() {
    while (!waiting_.empty() && !idle_.empty()) {
      Connection& connection = *idle_.back();
      idle_.pop_back();
      connection.query = waiting_.front();
      waiting_.pop_front();
      const std::string text = std::to_string(connection.query.row);
      const std::array<const char*, 1> values = {text.c_str()};
      const char* const name = connection.query.slow ? "slow" : "fast";
      require(PQsendQueryPrepared(connection.conn, name, 1, values.data(), nullptr, nullptr, 0) == 1,
              "could not send");
      require(PQflush(connection.conn) == 0, "could not flush");
    }
  }

  /// False: there is more to come.
  static bool take_answer(Connection& connection) {
    require(PQconsumeInput(connection.conn) == 1, PQerrorMessage(connection.conn));
    while (PQisBusy(connection.conn) == 0) {
      PGresult* const result = PQgetResult(connection.conn);
      if (result == nullptr) return true;
      require(PQntuples(result) == 1 && std::atoi(PQgetvalue(result, 0, 0)) == connection.query.row,
              "wrong row");
      PQclear(result);
    }
    return false;
  }

  std::vector<Connection> connections_;
  std::vector<Connection*> idle_;
  std::deque<Query> waiting_;
  const int epoll_;
  int arrivals_ = -1;
};

}  // namespace

std::unique_ptr<Contestant> make_epoll_loop(const char* url, int connections, const Statements& statements) {
  return std::make_unique<EpollLoop>(url, connections, statements);
}

}  // namespace copg::bench
