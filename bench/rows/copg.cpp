// PooledDatabase::fetch_all.
#include <copg/copg.hpp>

#include "rows/contestant.hpp"

namespace copg::bench {
namespace {

class Copg final : public Contestant {
 public:
  explicit Copg(const std::string& url) : db_(PooledDatabase::from_url(url, {.min_size = 1, .max_size = 1})) {
    db_.wait();
  }

  std::vector<Plain> plain(const std::string& sql) override { return db_.fetch_all<Plain>(sql); }
  std::vector<Dated> dated(const std::string& sql) override { return db_.fetch_all<Dated>(sql); }

 private:
  PooledDatabase db_;
};

}  // namespace

std::unique_ptr<Contestant> make_copg(const std::string& url) { return std::make_unique<Copg>(url); }

}  // namespace copg::bench
