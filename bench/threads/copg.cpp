// PooledDatabase.
#include <copg/copg.hpp>

#include <vector>

#include "threads/contestant.hpp"

namespace copg::bench {
namespace {

void require_answer(const Result& result, int row) {
  require_row(result.size() == 1 && result[0][0].as<std::int64_t>() == row);
}

class Copg final : public Contestant {
 public:
  Copg(const Task& task, bool share)
      : statement_(task.statement),
        connections_(task.connections),
        db_(PooledDatabase::from_url(
            task.url, {.min_size = task.connections, .max_size = task.connections, .share = share})) {
    db_.wait();
  }

  void select(int row) override { require_answer(db_.execute(statement_, row), row); }
  void lease_select(int row) override {
    Connection connection = db_.connection();
    connection.autocommit(true);  // as the others: else BEGIN travels with it, and somebody has to roll back
    require_answer(connection.execute(statement_, row), row);
  }
  void transaction(int row) override {
    db_.transaction([&](Connection& connection) {
      require_answer(connection.execute(statement_, row), row);
      require_answer(connection.execute(statement_, row), row);
    });
  }
  void lease(int count) override {
    for (int i = 0; i < count; ++i) const Connection connection = db_.connection();
  }
  void hold_all(const std::function<void()>& meanwhile) override {
    std::vector<Connection> connections;
    for (int i = 0; i < connections_; ++i) connections.push_back(db_.connection());
    meanwhile();
  }

 private:
  const std::string statement_;
  const int connections_;
  PooledDatabase db_;
};

}  // namespace

std::unique_ptr<Contestant> make_copg(const Task& task, bool share) {
  return std::make_unique<Copg>(task, share);
}

}  // namespace copg::bench
