// libpqxx, which has no pool, below the one that most programs write.
#include <list>
#include <pqxx/pqxx>

#include "threads/contestant.hpp"
#include "threads/hand_made.hpp"
#include "threads/lifo_pool.hpp"

namespace copg::bench {
namespace {

// Newer releases have another word for it, which older ones do not know.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

void ask(pqxx::transaction_base& work, int row) {
  const pqxx::result result = work.exec_prepared("select", row);
  require_row(result.size() == 1 && result[0][0].as<int>() == row);
}

class Libpqxx final : public HandMade<LifoPool<pqxx::connection>, pqxx::connection> {
 public:
  explicit Libpqxx(const Task& task) {
    for (int i = 0; i < task.connections; ++i) {
      sessions_.emplace_back(task.url).prepare("select", task.statement);
      add(sessions_.back());
    }
  }

  void lease_select(int row) override {
    const Lease lease = take();
    pqxx::nontransaction work(*lease);
    ask(work, row);
  }
  void transaction(int row) override {
    const Lease lease = take();
    pqxx::work work(*lease);
    ask(work, row);
    ask(work, row);
    work.commit();
  }

 private:
  std::list<pqxx::connection> sessions_;
};

}  // namespace

std::unique_ptr<Contestant> make_libpqxx(const Task& task) { return std::make_unique<Libpqxx>(task); }

}  // namespace copg::bench
