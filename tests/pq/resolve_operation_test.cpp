// Host names, without a server; "localhost" is the one name every machine knows.
#include "pq/resolve_operation.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/poll_driver.hpp"

namespace copg::pq {
namespace {

std::vector<Host> resolve_at_once(HostLists lists) {
  ResolveOperation operation(std::move(lists));
  EXPECT_TRUE(operation.advance(Ready::none).done) << "needed a thread";
  EXPECT_EQ(operation.error(), nullptr);
  return operation.take_hosts();
}

TEST(ResolveOperation, what_is_no_name_needs_no_thread) {
  EXPECT_EQ(resolve_at_once({"", "", ""}), (std::vector<Host>{{"", "", ""}}));
  EXPECT_EQ(resolve_at_once({"/run/pg", "", "1"}), (std::vector<Host>{{"/run/pg", "", "1"}}));
  EXPECT_EQ(resolve_at_once({"127.0.0.1,::1", "", "1,2"}),
            (std::vector<Host>{{"127.0.0.1", "127.0.0.1", "1"}, {"::1", "::1", "2"}}));
  EXPECT_EQ(resolve_at_once({"a.example,b.example", "10.0.0.1,10.0.0.2", "5"}),
            (std::vector<Host>{{"a.example", "10.0.0.1", "5"}, {"b.example", "10.0.0.2", "5"}}));
}

TEST(ResolveOperation, lists_that_do_not_match_are_left_to_libpq) {
  EXPECT_TRUE(resolve_at_once({"a,b", "10.0.0.1", ""}).empty());
  EXPECT_TRUE(resolve_at_once({"a", "10.0.0.1", "1,2"}).empty());
}

TEST(ResolveOperation, a_name_becomes_each_of_its_addresses_in_place) {
  ResolveOperation operation({"/run/pg,localhost", "", "1,2"});
  test::run(operation);
  ASSERT_EQ(operation.error(), nullptr);
  const auto hosts = operation.take_hosts();
  ASSERT_GE(hosts.size(), 2U);
  EXPECT_EQ(hosts[0], (Host{"/run/pg", "", "1"}));
  for (std::size_t i = 1; i < hosts.size(); ++i) {
    EXPECT_EQ(hosts[i].name, "localhost");
    EXPECT_TRUE(hosts[i].address == "127.0.0.1" || hosts[i].address == "::1") << hosts[i].address;
    EXPECT_EQ(hosts[i].port, "2");
  }
}

TEST(ResolveOperation, a_name_that_does_not_resolve_fails_in_the_resolvers_words) {
  ResolveOperation operation({"no-such-host.invalid", "", ""});
  test::run(operation, std::chrono::seconds(30));
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_NE(operation.error()->message.find("could not translate host name \"no-such-host.invalid\""),
            std::string::npos);
  // A machine without a name server says "temporary failure".
  const bool transient = operation.failure() == ConnectFailureKind::transient;
  EXPECT_EQ(operation.error()->kind, transient ? ErrorKind::connection_failed : ErrorKind::configuration);
}

TEST(ResolveOperation, an_unknown_name_among_others_is_passed_over) {
  ResolveOperation operation({"no-such-host.invalid,127.0.0.1", "", ""});
  test::run(operation, std::chrono::seconds(30));
  ASSERT_EQ(operation.error(), nullptr);
  EXPECT_EQ(operation.take_hosts(), (std::vector<Host>{{"127.0.0.1", "127.0.0.1", ""}}));
}

TEST(ResolveOperation, dropping_it_half_way_is_safe) {
  for (int i = 0; i < 50; ++i) {
    ResolveOperation operation({"localhost", "", ""});
    EXPECT_FALSE(operation.advance(Ready::none).done);
  }
}

}  // namespace
}  // namespace copg::pq
