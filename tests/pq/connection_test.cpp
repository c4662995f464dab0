// What a connection knows of itself while nothing is being said.
#include "pq/connection.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.hpp"
#include "support/counted_sockets.hpp"

namespace copg::test {
namespace {

/// The look may come before the server's message: asks until it says so.
bool looks_dead(pq::Connection& connection) {
  const auto deadline = SteadyClock::now() + default_patience;
  while (SteadyClock::now() < deadline) {
    if (!connection.looks_alive()) return true;
  }
  return false;
}

TEST(Connection, a_look_at_a_quiet_connection_reads_nothing) {
  const auto connection = connect();
  const SocketCalls before = socket_calls();
  EXPECT_TRUE(connection->looks_alive());
  const SocketCalls cost = socket_calls() - before;
  EXPECT_EQ(cost.sends, 0);
  EXPECT_EQ(cost.receives, 0);
}

TEST(Connection, one_whose_backend_was_terminated_looks_dead) {
  const auto admin = connect();
  const auto connection = connect();
  ASSERT_EQ(execute(*admin, "SELECT pg_terminate_backend($1)", params(connection->backend_pid())).text(),
            "t");
  EXPECT_TRUE(looks_dead(*connection));
  EXPECT_FALSE(connection->alive());
  EXPECT_TRUE(connection->notices().farewell());
  EXPECT_FALSE(connection->protocol_idle());
}

TEST(Connection, one_whose_socket_was_closed_looks_dead) {
  const auto connection = connect();
  shutdown(connection->fd(), SHUT_RDWR);
  EXPECT_FALSE(connection->looks_alive());
}

TEST(Connection, a_notification_is_no_sign_of_death) {
  const auto admin = connect();
  const auto connection = connect();
  ASSERT_FALSE(execute(*connection, "LISTEN news").error);
  ASSERT_FALSE(execute(*admin, "NOTIFY news, 'hello'").error);
  const auto deadline = SteadyClock::now() + default_patience;
  PGnotify* notification = nullptr;
  while (notification == nullptr && SteadyClock::now() < deadline) {
    ASSERT_TRUE(connection->looks_alive());
    notification = PQnotifies(connection->raw());
  }
  ASSERT_NE(notification, nullptr);
  EXPECT_STREQ(notification->extra, "hello");
  PQfreemem(notification);
}

TEST(Connection, nor_are_more_of_them_than_one_look_reads) {
  const auto admin = connect();
  const auto connection = connect();
  ASSERT_FALSE(execute(*connection, "LISTEN news").error);
  // 3 MB of them. The more the socket holds when it is looked at, the better.
  ASSERT_FALSE(
      execute(*admin, "SELECT pg_notify('news', i || repeat('x', 7900)) FROM generate_series(1, 400) i")
          .error);
  ASSERT_TRUE(
      comes_true(*admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'", "1"));
  for (int look = 0; look < 100; ++look) ASSERT_TRUE(connection->looks_alive()) << look;
  EXPECT_EQ(execute(*connection, "SELECT 'served'").text(), "served");
}

TEST(Connection, an_operation_leaves_no_notification_behind) {
  const auto connection = connect();
  ASSERT_FALSE(execute(*connection, "DO $$ BEGIN LISTEN news; END $$").error);
  for (const char* sql : {"NOTIFY news", "BEGIN; NOTIFY news; COMMIT", "SELECT pg_notify('news', 'x')"}) {
    ASSERT_FALSE(execute(*connection, sql).error);
    EXPECT_EQ(PQnotifies(connection->raw()), nullptr) << sql;
  }
}

TEST(Connection, only_the_last_few_notices_are_kept) {
  const auto connection = connect();
  for (int i = 0; i < 12; ++i) {
    ASSERT_FALSE(
        execute(*connection, "DO $$ BEGIN RAISE WARNING 'number " + std::to_string(i) + "'; END $$").error);
  }
  ASSERT_EQ(connection->notices().recent().size(), pq::Notices::kept);
  EXPECT_EQ(connection->notices().recent().back().message, "number 11");
  EXPECT_EQ(connection->notices().recent().back().severity, "WARNING");
}

TEST(Connection, a_refused_write_proves_a_demoted_server_unless_the_user_asked_for_read_only) {
  const auto admin = connect();
  ASSERT_FALSE(execute(*admin, "CREATE TABLE IF NOT EXISTS demoted (a int)").error);
  const auto chosen = connect();
  ASSERT_FALSE(execute(*chosen, "BEGIN READ ONLY").error);
  EXPECT_EQ(execute(*chosen, "INSERT INTO demoted VALUES (1)").text(), "25006");
  EXPECT_FALSE(chosen->demoted());

  const auto surprised = connect();
  ASSERT_FALSE(execute(*admin, "ALTER SYSTEM SET default_transaction_read_only = on").error);
  ASSERT_FALSE(execute(*admin, "SELECT pg_reload_conf()").error);
  EXPECT_TRUE(comes_true(*surprised, "INSERT INTO demoted VALUES (1)", "25006"));
  EXPECT_TRUE(surprised->demoted());
  EXPECT_TRUE(surprised->alive());
  ASSERT_FALSE(execute(*admin, "ALTER SYSTEM RESET default_transaction_read_only").error);
  ASSERT_FALSE(execute(*admin, "SELECT pg_reload_conf()").error);
  EXPECT_TRUE(comes_true(*admin, "SHOW default_transaction_read_only", "off"));
}

TEST(Connection, a_child_that_abandons_its_copy_leaves_the_parents_untouched) {
  const auto connection = connect();
  const pid_t child = fork();
  if (child == 0) {
    connection->abandon();
    _exit(connection->alive() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(connection->looks_alive());
  EXPECT_EQ(execute(*connection, "SELECT 1").text(), "1");
}

}  // namespace
}  // namespace copg::test
