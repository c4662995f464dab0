// What is said at the start of a pool that can never have as many connections as it may.
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

class SizeWarnings : public DatabaseTest {
 protected:
  class Warnings final : public Observer {
   public:
    [[nodiscard]] bool wants(Hook hook) const noexcept override {
      return hook == Hook::warned || hook == Hook::opened;
    }
    void warned(const event::Warned& event) noexcept override {
      const std::lock_guard lock(mutex_);
      all_.emplace_back(event.text);
    }
    void opened(const event::Opened& /*event*/) noexcept override { ++opens; }
    [[nodiscard]] std::vector<std::string> all() {
      const std::lock_guard lock(mutex_);
      return all_;
    }
    std::atomic<int> opens = 0;

   private:
    std::mutex mutex_;
    std::vector<std::string> all_;
  };

  /// What a pool was warned of until it was closed.
  [[nodiscard]] static std::vector<std::string> warnings_of(const Config& to, int max_size,
                                                            int min_size = 1) {
    const auto seen = std::make_shared<Warnings>();
    PooledDatabase db(to, {.min_size = min_size, .max_size = max_size, .timeout = 20s, .observer = seen});
    db.wait();
    db.execute("SELECT 1");
    db.close();
    EXPECT_GE(seen->opens, min_size);
    return seen->all();
  }
};

TEST_F(SizeWarnings, tell_once_that_the_server_has_no_room_for_max_size_connections) {
  const auto told = warnings_of(config(), 5000, 3);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("max_size is 5000, but the server has room for "), std::string::npos) << told[0];
  EXPECT_NE(told[0].find("max_connections = "), std::string::npos) << told[0];
}

TEST_F(SizeWarnings, are_silent_where_there_is_room) { EXPECT_TRUE(warnings_of(config(), 10, 3).empty()); }

TEST_F(SizeWarnings, count_what_others_have) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  const int most = db.fetch_val<int>("SELECT current_setting('max_connections')::int");
  EXPECT_TRUE(warnings_of(config(), most - 10).empty());
  PooledDatabase others = open({.min_size = 20, .max_size = 20});
  others.wait();
  const auto told = warnings_of(config(), most - 10);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("and others have "), std::string::npos) << told[0];
}

TEST_F(SizeWarnings, know_the_limits_of_a_role_and_what_is_reserved) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE ROLE limited LOGIN CONNECTION LIMIT 3");
  db.execute("CREATE ROLE unlimited LOGIN");
  Config to = config();
  to.user = "limited";
  const auto told = warnings_of(to, 5);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("room for 3 connections: CONNECTION LIMIT 3 of the role"), std::string::npos)
      << told[0];
  EXPECT_TRUE(warnings_of(to, 3).empty());
  to.user = "unlimited";
  const auto reserved = warnings_of(to, 5000);
  ASSERT_EQ(reserved.size(), 1U);
  EXPECT_NE(reserved[0].find("of them reserved"), std::string::npos) << reserved[0];
  db.execute("DROP ROLE limited");
  db.execute("DROP ROLE unlimited");
}

TEST_F(SizeWarnings, come_after_the_first_connect_that_succeeds) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE ROLE late_role");
  Config to = config();
  to.user = "late_role";
  const auto seen = std::make_shared<Warnings>();
  PooledDatabase late(to, {.min_size = 1, .max_size = 5000, .timeout = 20s, .observer = seen});
  EXPECT_THROW(late.wait(20s), ConfigurationError);  // it may not log in
  db.execute("ALTER ROLE late_role LOGIN");
  EXPECT_TRUE(eventually([&] { return seen->all().size() == 1; }));
  late.close();
  db.execute("DROP ROLE late_role");
}

}  // namespace
}  // namespace copg::test
