// libpq below the two simplest pools.
#include <libpq-fe.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "threads/contestant.hpp"
#include "threads/fair_pool.hpp"
#include "threads/hand_made.hpp"
#include "threads/lifo_pool.hpp"

namespace copg::bench {
namespace {

using Session = std::unique_ptr<PGconn, void (*)(PGconn*)>;

void require(bool good, PGconn* session) {
  if (!good) throw std::runtime_error(PQerrorMessage(session));
}

void command(PGconn& session, const char* text) {
  PGresult* const result = PQexec(&session, text);
  const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
  PQclear(result);
  require(good, &session);
}

void ask(PGconn& session, int row) {
  const std::string text = std::to_string(row);
  const std::array<const char*, 1> values = {text.c_str()};
  PGresult* const result = PQexecPrepared(&session, "select", 1, values.data(), nullptr, nullptr, 0);
  const bool good = PQresultStatus(result) == PGRES_TUPLES_OK;
  const bool right = good && PQntuples(result) == 1 && std::atoi(PQgetvalue(result, 0, 0)) == row;
  PQclear(result);
  require(good, &session);
  require_row(right);
}

template <template <class> class Pool>
class Bare final : public HandMade<Pool<PGconn>, PGconn> {
 public:
  explicit Bare(const Task& task) {
    for (int i = 0; i < task.connections; ++i) {
      Session& session = sessions_.emplace_back(PQconnectdb(task.url.c_str()), PQfinish);
      require(PQstatus(session.get()) == CONNECTION_OK, session.get());
      PQclear(PQprepare(session.get(), "select", task.statement.c_str(), 1, nullptr));
    }
    for (Session& session : sessions_) this->add(*session);
  }

  void lease_select(int row) override {
    const auto lease = this->take();
    ask(*lease, row);
  }
  void transaction(int row) override {
    const auto lease = this->take();
    command(*lease, "BEGIN");
    ask(*lease, row);
    ask(*lease, row);
    command(*lease, "COMMIT");
  }

 private:
  std::vector<Session> sessions_;
};

}  // namespace

std::unique_ptr<Contestant> make_fair(const Task& task) { return std::make_unique<Bare<FairPool>>(task); }
std::unique_ptr<Contestant> make_lifo(const Task& task) { return std::make_unique<Bare<LifoPool>>(task); }

}  // namespace copg::bench
