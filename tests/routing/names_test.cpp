// Names whose addresses change: the hosts of a router follow them.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "routing/database.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace copg::test {
namespace {

/// What the name server says: the last bytes of addresses 127.0.0.x. An empty list: it does not answer.
struct NameServer {
  std::mutex mutex;
  std::map<std::string, std::vector<std::uint8_t>> names;

  void set(const std::string& name, std::vector<std::uint8_t> last_bytes) {
    const std::lock_guard lock(mutex);
    names[name] = std::move(last_bytes);
  }
};
NameServer name_server;

}  // namespace
}  // namespace copg::test

/// Stands before the C library's: names that the tests know are answered by them.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  auto& server = copg::test::name_server;
  const std::lock_guard lock(server.mutex);
  const auto known = node == nullptr ? server.names.end() : server.names.find(node);
  if (known == server.names.end()) return real(node, service, hints, found);
  if (known->second.empty()) return EAI_AGAIN;
  *found = nullptr;
  for (const std::uint8_t last_byte : known->second) {
    addrinfo* one = nullptr;
    const std::string address = "127.0.0." + std::to_string(last_byte);
    if (const int error = real(address.c_str(), service, hints, &one); error != 0) return error;
    one->ai_next = *found;  // glibc frees each element by itself
    *found = one;
  }
  return 0;
}

namespace copg::test {
namespace {

/// Two servers at 127.0.0.2 and 127.0.0.3, at the same port.
struct Addresses {
  [[nodiscard]] Config config_for(const std::string& name) const {
    return {.host = name, .port = first.port(), .options = {{"sslmode", "disable"}}};
  }

  Replicas servers{1};
  Gate first{servers.server(0).port(), 2, 0};
  Gate second{servers.server(1).port(), 3, first.port()};
};

/// One system for all tests that leave it as it was.
class Names : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { made = std::make_unique<Addresses>(); }
  static void TearDownTestSuite() { made.reset(); }
  [[nodiscard]] static Config config_for(const std::string& name) { return made->config_for(name); }

  static std::unique_ptr<Addresses> made;  // NOLINT
  Replicas& servers = made->servers;
  Gate& first = made->first;
};
std::unique_ptr<Addresses> Names::made;

TEST_F(Names, with_several_addresses_are_several_hosts) {
  name_server.set("two.test", {3, 2});
  Database db(config_for("two.test"), {.min_size = 1, .max_size = 2});
  EXPECT_EQ(db.value(which), port_of(servers, 0));
  EXPECT_EQ(db.value(which, from_replica), port_of(servers, 1));
}

TEST_F(Names, that_move_leave_the_leases_that_were_out_alone) {
  name_server.set("leased.test", {2});
  Database db(config_for("leased.test"), {.min_size = 2, .max_size = 2});
  const Params none;
  const auto old = [&] {
    db.value(which);
    return db.router().hosts().at(0).pool;
  }();
  sync::CallClock clock(engine::TimeLimit(std::chrono::seconds(20)));
  engine::Lease lease = sync::acquire(*old, clock, SourceLocation::current());
  name_server.set("leased.test", {3});
  ASSERT_TRUE(eventually([&] {
    const auto views = db.router().hosts();
    return views.size() == 1 && views[0].address.address == "127.0.0.3" && views[0].up;
  }));
  EXPECT_TRUE(eventually([&] { return old->stats().pool_size == 1; }));
  EXPECT_EQ(sync::call(*old, lease, clock, engine::ExecuteJob{"SELECT 1", none, {}}, {})[0][0].text(), "1");
  old->leases().release(lease);
  EXPECT_TRUE(eventually([&] { return old->stats().pool_size == 0; }));
  EXPECT_TRUE(eventually([&] { return first.connections() == 0; }));
}

TEST_F(Names, that_the_server_does_not_know_for_a_moment_stay) {
  name_server.set("silent.test", {2});
  Database db(config_for("silent.test"), {.min_size = 1, .max_size = 2});
  EXPECT_EQ(db.value(which), port_of(servers, 0));
  name_server.set("silent.test", {});
  servers.server(0).restart();
  EXPECT_TRUE(eventually([&] { return db.view(first.port()).up; }));
  EXPECT_EQ(db.value(which), port_of(servers, 0));
}

TEST_F(Names, without_an_address_are_in_the_error) {
  name_server.set("nobody.test", {});
  Database db(config_for("nobody.test"), {.min_size = 1, .max_size = 2});
  try {
    db.execute(which, {}, std::chrono::milliseconds(300));
    ADD_FAILURE() << "it was executed";
  } catch (const PoolTimeout& error) {
    EXPECT_NE(std::string(error.what()).find("nobody.test"), std::string::npos) << error.what();
  }
}

TEST(NamesThatMove, are_followed) {
  Addresses addresses;
  Replicas& servers = addresses.servers;
  name_server.set("moving.test", {2});
  Database db(addresses.config_for("moving.test"), {.min_size = 2, .max_size = 2});
  EXPECT_EQ(db.value(which), port_of(servers, 0));
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  servers.server(0).kill_hard();
  servers.promote(1);
  name_server.set("moving.test", {3});
  EXPECT_EQ(db.value(which), port_of(servers, 1));
  const auto views = db.router().hosts();
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].address.address, "127.0.0.3");
}

}  // namespace
}  // namespace copg::test
