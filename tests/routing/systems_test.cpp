// Hosts of two database systems in one configuration: by mistake, or since a name leads to another database.
#include <gtest/gtest.h>
#include <copg/copg.hpp>

#include <cstdlib>
#include <string>

#include "support/eventually.hpp"
#include "support/replicas.hpp"
#include "testing/postgres_installation.hpp"
#include "testing/watched_folder.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;

/// Servers that are made while it lives are not copies of the same files as others, and so have an identifier
/// of their own.
class FreshTemplate {
 public:
  FreshTemplate() {
    if (const char* before = std::getenv(name)) before_ = before;  // NOLINT(concurrency-mt-unsafe)
    ::setenv(name, folder_.path().c_str(), 1);                     // NOLINT(concurrency-mt-unsafe)
  }
  FreshTemplate(const FreshTemplate&) = delete;
  FreshTemplate& operator=(const FreshTemplate&) = delete;
  ~FreshTemplate() { ::setenv(name, before_.c_str(), 1); }  // NOLINT(concurrency-mt-unsafe)

 private:
  static constexpr const char* name = "COPG_POSTGRES_TEMPLATE";
  const testing::WatchedFolder folder_{testing::user_for_server()};
  std::string before_;
};

std::string refusal(PooledDatabase& db) {
  try {
    db.within(100ms).execute("SELECT 1");
    return "";
  } catch (const PoolTimeout& error) {
    return error.what();
  }
}

TEST(SeveralSystems, are_not_written_to_until_it_is_said_which_is_meant) {
  Replicas ours(0);
  const FreshTemplate fresh;
  Replicas theirs(0);
  const std::string ask_system = "SELECT system_identifier FROM pg_control_system()";
  const std::string our_system = ours.ask(0, ask_system);
  const std::string their_system = theirs.ask(0, ask_system);
  ASSERT_NE(our_system, their_system);
  const std::string url = "postgresql://postgres@127.0.0.1:" + std::to_string(ours.gate(0).port()) +
                          ",127.0.0.1:" + std::to_string(theirs.gate(0).port()) + "/postgres?sslmode=disable";
  const PoolOptions options{.min_size = 0, .max_size = 1, .timeout = 20s};

  PooledDatabase either = PooledDatabase::from_url(url, options);
  ASSERT_TRUE(eventually([&] { return refusal(either).find("system_identifier") != std::string::npos; }))
      << refusal(either);
  EXPECT_NE(refusal(either).find(our_system), std::string::npos) << refusal(either);
  EXPECT_NE(refusal(either).find(their_system), std::string::npos) << refusal(either);
  // Whose primary has answered first is meant, and goes on once the other does not answer any more.
  const bool ours_are_meant =
      refusal(either).find("primary of database system " + our_system) != std::string::npos;
  Replicas& meant_now = ours_are_meant ? ours : theirs;
  Replicas& strange = ours_are_meant ? theirs : ours;
  strange.server(0).kill_hard();
  EXPECT_EQ(either.fetch_val<int>("SELECT current_setting('port')::int"), meant_now.server(0).port());
  strange.server(0).start();

  for (const Replicas* const meant : {&ours, &theirs}) {
    PoolOptions pinned = options;
    pinned.system_identifier = std::stoull(meant == &ours ? our_system : their_system);
    PooledDatabase db = PooledDatabase::from_url(url, pinned);
    const int port = (meant == &ours ? ours : theirs).server(0).port();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT current_setting('port')::int"), port);
  }
  PoolOptions other = options;
  other.system_identifier = 1;
  PooledDatabase none = PooledDatabase::from_url(url, other);
  EXPECT_TRUE(eventually([&] {
    return refusal(none).find("belongs to database system " + our_system + ", and not to 1") !=
           std::string::npos;
  })) << refusal(none);
}

}  // namespace
}  // namespace copg::test
