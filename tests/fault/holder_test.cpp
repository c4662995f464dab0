// Who holds the connections: a name and a number by which a person finds the thread again.
#include "integration/database_test.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <string>
#include <thread>
#include <utility>

namespace copg::test {
namespace {

class Holder : public DatabaseTest {
 protected:
  static std::string told_by_a_timeout(PooledDatabase& db) {
    return error_of<PoolTimeout>([&] { (void)db.connection(50ms); }).message;
  }
  static std::string here(const std::string& name) {
    return fmt::format("in thread '{}' (tid {});", name, syscall(SYS_gettid));
  }
};

TEST_F(Holder, is_told_by_the_name_of_its_thread_and_the_number_that_top_shows) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  std::promise<std::string> leased;
  std::promise<void> over;
  std::thread importer([&] {
    pthread_setname_np(pthread_self(), "importer");
    const Connection conn = db.connection();
    leased.set_value(here("importer"));
    over.get_future().wait();
  });
  const std::string place = leased.get_future().get();
  const std::string text = told_by_a_timeout(db);
  over.set_value();
  importer.join();
  EXPECT_NE(text.find("holder_test.cpp"), std::string::npos) << text;
  EXPECT_NE(text.find(place), std::string::npos) << text << " without " << place;
}

TEST_F(Holder, in_the_child_of_a_fork_has_the_numbers_of_the_child) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("SELECT 1");
  pthread_setname_np(pthread_self(), "parent");
  const pid_t child = fork();
  if (child == 0) {
    Connection taken = db.connection();
    const Connection conn = std::move(taken);  // anybody may give it back now, as far as the pool knows
    const bool told = told_by_a_timeout(db).find(here("parent")) != std::string::npos;
    _exit(told ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace copg::test
