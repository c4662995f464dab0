// What libpq's words about a failed connect are taken for. Real servers say the same in
// connect_operation_test.
#include "pq/connect_failure.hpp"

#include <gtest/gtest.h>

namespace copg::pq {
namespace {

TEST(ConnectFailure, the_state_is_taken_out_of_the_verbose_text_and_the_message_is_clean) {
  const auto info = read_connect_failure(
      "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password authentication "
      "failed for "
      "user \"u\"\nLOCATION:  auth_failed, auth.c:335\n");
  EXPECT_EQ(info.kind, ConnectFailureKind::configuration);
  EXPECT_EQ(info.error.kind, ErrorKind::configuration);
  EXPECT_EQ(info.error.sqlstate.text(), "28P01");
  EXPECT_EQ(info.error.message,
            "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  password authentication "
            "failed for "
            "user \"u\"");
}

TEST(ConnectFailure, the_servers_language_does_not_matter) {
  const auto info = read_connect_failure(
      "connection to server on socket \"/tmp/.s.PGSQL.5432\" failed: FATAL:  3D000: Datenbank »x« existiert "
      "nicht\n"
      "DETAIL:  Sie ist fort.\nHINT:  Anlegen.\nLOCATION:  InitPostgres, postinit.c:944\n");
  EXPECT_EQ(info.kind, ConnectFailureKind::configuration);
  EXPECT_EQ(info.error.sqlstate.text(), "3D000");
  EXPECT_EQ(info.error.detail, "Sie ist fort.");
  EXPECT_EQ(info.error.hint, "Anlegen.");
}

TEST(ConnectFailure, a_full_server_is_overloaded_and_a_starting_one_transient) {
  EXPECT_EQ(read_connect_failure(
                "connection to server at \"h\" (::1), port 1 failed: FATAL:  53300: sorry, too many "
                "clients already\n")
                .kind,
            ConnectFailureKind::overloaded);
  EXPECT_EQ(read_connect_failure(
                "connection to server at \"h\" (::1), port 1 failed: FATAL:  57P03: the database system "
                "is starting up\n")
                .kind,
            ConnectFailureKind::transient);
}

TEST(ConnectFailure, the_last_of_several_hosts_decides_and_all_are_named_once) {
  const auto info = read_connect_failure(
      "connection to server at \"a\" (1.1.1.1), port 1 failed: FATAL:  28P01: no\nLOCATION:  auth_failed, "
      "auth.c:3\n"
      "connection to server at \"b\" (2.2.2.2), port 1 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n"
      "connection to server at \"b\" (2.2.2.2), port 1 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n");
  EXPECT_EQ(info.kind, ConnectFailureKind::transient);
  EXPECT_TRUE(info.error.sqlstate.empty());
  EXPECT_EQ(info.error.message,
            "connection to server at \"a\" (1.1.1.1), port 1 failed: FATAL:  no; connection to server at "
            "\"b\" (2.2.2.2), "
            "port 1 failed: Connection refused");
}

TEST(ConnectFailure, trouble_with_tls_or_options_is_configuration) {
  for (const char* text : {
           "connection to server at \"h\" (::1), port 1 failed: server does not support SSL, but SSL was "
           "required\n",
           "connection to server at \"h\" (::1), port 1 failed: SSL error: certificate verify failed\n",
           "invalid sslmode value: \"maybe\"\n",
           "invalid connection option \"hots\"\n",
       }) {
    EXPECT_EQ(read_connect_failure(text).kind, ConnectFailureKind::configuration) << text;
  }
}

TEST(ConnectFailure, silence_is_transient_only_after_an_attempt) {
  EXPECT_FALSE(read_connect_failure("").error.message.empty());
  EXPECT_EQ(
      read_connect_failure("connection to server on socket \"/x\" failed: No such file or directory\n").kind,
      ConnectFailureKind::transient);
}

}  // namespace
}  // namespace copg::pq
