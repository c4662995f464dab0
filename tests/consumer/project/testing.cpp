// A user's test, without a framework and without DATABASE_URL: exits 0 if everything came out as it should.
#include <copg/copg.hpp>
#include <copg/testing.hpp>

#include <cstdio>

int main() {
  const copg::testing::Server server;
  auto db = copg::PooledDatabase::from_url(server.url());
  {
    copg::testing::RolledBack conn(db);
    conn->execute("CREATE TABLE gone ()");
  }
  const bool right = db.fetch_val<bool>("SELECT to_regclass('gone') IS NULL");
  std::printf("%s: %s\n", server.url().c_str(), right ? "right" : "wrong");
  return right ? 0 : 1;
}
