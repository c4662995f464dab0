// A user's program that shows its pool: needs DATABASE_URL, exits 0 if everything came out as it should.
#include <copg/copg.hpp>
#include <copg/monitor.hpp>

#include <cstdio>

int main() {
  copg::Monitor monitor{{.program = "consumer"}};
  auto db = copg::PooledDatabase::from_env({.min_size = 1});
  monitor.add(db);
  const bool right = db.fetch_val<int>("SELECT 1") == 1 && monitor.port() != 0 && !monitor.url().empty();
  std::printf("%s: %s\n", monitor.url().c_str(), right ? "right" : "wrong");
  return right ? 0 : 1;
}
