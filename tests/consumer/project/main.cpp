// A user's program: needs DATABASE_URL, exits 0 if everything came out as it should.
#include <copg/async.hpp>

#include <boost/asio/use_future.hpp>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct User {
  std::int64_t id;
  std::string name;
};

int main() {
  auto db = copg::PooledDatabase::from_env({.min_size = 1, .max_size = 2});
  db.transaction([](copg::Connection& connection) {
    connection.execute("CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL)");
    const std::vector<std::pair<int, std::string>> rows = {{1, "Ada"}, {2, "Grace"}};
    connection.execute_many("INSERT INTO users VALUES ($1, $2)", rows);
  });
  const std::optional<User> user = db.fetch_one<User>("SELECT id, name FROM users WHERE id = $1", 2);
  bool refused = false;
  try {
    db.execute("INSERT INTO users VALUES (1, 'again')");
  } catch (const copg::QueryFailed& error) {
    refused = error.is_unique_violation();
  }
  copg::AsyncPooledDatabase loop(boost::asio::any_io_executor(), db);
  const int count =
      loop.fetch_val<int>("SELECT count(*) FROM users", copg::params(), boost::asio::use_future).get();
  const bool right = count == 2 && user && user->name == "Grace" && refused && !copg::version().empty();
  std::printf("copg %s: %s\n", std::string(copg::version()).c_str(), right ? "right" : "wrong");
  return right ? 0 : 1;
}
