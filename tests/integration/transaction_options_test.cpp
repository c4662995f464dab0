// Transactions with isolation, settings and a role: what holds inside, what is left behind, and what is
// refused.
#include "integration/database_test.hpp"

#include <array>
#include <map>
#include <string_view>
#include <vector>

namespace copg::test {
namespace {

using Setting = std::pair<std::string, std::string>;

class TransactionOptionsTest : public DatabaseTest {
 protected:
  void SetUp() override {
    db_.emplace(open({.min_size = 1, .max_size = 1}));
    db_->execute("DROP TABLE IF EXISTS taken; CREATE TABLE taken (n int); GRANT ALL ON taken TO PUBLIC");
    if (db_->fetch_val<int>("SELECT count(*)::int FROM pg_roles WHERE rolname = 'tenant_7'") == 0)
      db_->execute(
          "CREATE ROLE tenant_7; CREATE ROLE tenant_8; CREATE SCHEMA seven; CREATE SCHEMA eight;"
          "CREATE TABLE seven.own (v int); INSERT INTO seven.own VALUES (7);"
          "CREATE TABLE eight.own (v text); INSERT INTO eight.own VALUES ('eight');"
          "GRANT USAGE ON SCHEMA seven, eight TO PUBLIC; GRANT ALL ON seven.own, eight.own TO PUBLIC");
    pid_ = db_->connection().backend_pid();
  }
  [[nodiscard]] PooledDatabase& db() { return *db_; }

  /// What holds on a connection.
  static std::string held(Connection& connection) {
    return connection.fetch_val<std::string>(
        "SELECT concat_ws(' ', current_setting('transaction_isolation'), "
        "current_setting('transaction_read_only'), current_setting('transaction_deferrable'), current_user, "
        "current_setting('app.tenant', true), current_setting('work_mem'))");
  }
  std::string held_outside() {
    Connection connection = db().connection();
    connection.autocommit(true);
    return held(connection);
  }
  /// The connection of the pool is still the same one, and nothing holds on it.
  void expect_untouched() {
    EXPECT_EQ(held_outside().substr(0, 31), "read committed off off postgres");
    EXPECT_EQ(db().connection().backend_pid(), pid_);
    EXPECT_EQ(
        db().fetch_val<std::optional<std::string>>("SELECT nullif(current_setting('app.tenant', true), '')"),
        std::nullopt);
  }

 private:
  std::optional<PooledDatabase> db_;
  int pid_ = 0;
};

TEST_F(TransactionOptionsTest, hold_inside_and_leave_nothing_behind) {
  const TransactionOptions options{.isolation = Isolation::serializable,
                                   .read_only = true,
                                   .deferrable = true,
                                   .settings = {{"app.tenant", "7"}, {"work_mem", "5MB"}},
                                   .role = "tenant_7"};
  for (int use = 0; use < 4; ++use) {
    EXPECT_EQ(db().transaction(options, held), "serializable on on tenant_7 7 5MB");
    expect_untouched();
  }
  EXPECT_EQ(db().stats().resets_num, 0U);
}

TEST_F(TransactionOptionsTest, each_isolation_is_the_one_that_is_asked_for) {
  const std::map<Isolation, std::string> levels = {{Isolation::read_uncommitted, "read uncommitted"},
                                                   {Isolation::read_committed, "read committed"},
                                                   {Isolation::repeatable_read, "repeatable read"},
                                                   {Isolation::serializable, "serializable"}};
  for (const auto& [level, name] : levels) {
    EXPECT_EQ(db().transaction(
                  {.isolation = level},
                  [](Connection& tx) { return tx.fetch_val<std::string>("SHOW transaction_isolation"); }),
              name);
  }
}

TEST_F(TransactionOptionsTest, hold_on_an_autocommit_connection_and_in_each_transaction_of_the_block) {
  Connection connection = db().connection();
  connection.autocommit(true);
  connection.transaction({.role = "tenant_7"}, [](Connection& tx) {
    EXPECT_EQ(tx.fetch_val<std::string>("SELECT current_user::text"), "tenant_7");
    tx.commit();  // the body ends it by itself, and goes on
    EXPECT_EQ(tx.fetch_val<std::string>("SELECT current_user::text"), "tenant_7");
  });
  EXPECT_EQ(connection.fetch_val<std::string>("SELECT current_user::text"), "postgres");
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::idle);
}

TEST_F(TransactionOptionsTest, a_value_is_never_read_as_sql) {
  const std::string value = "x', true), pg_terminate_backend(pg_backend_pid()); --";
  EXPECT_EQ(db().transaction({.settings = {{"app.tenant", value}}},
                             [](Connection& tx) {
                               return tx.fetch_val<std::string>("SELECT current_setting('app.tenant')");
                             }),
            value);
  const ErrorInfo error = error_of<QueryFailed>([&] {
    db().transaction({.role = "tenant_7\"; DROP ROLE tenant_8; --"},
                     [](Connection& tx) { tx.execute("SELECT 1"); });
  });
  EXPECT_EQ(error.sqlstate.text(), "22023");
  expect_untouched();
}

struct Way {
  const char* name;
  void (*first)(Connection& tx);
};

class Nothing final : public CopySource {
 public:
  std::string_view next() override { return {}; }
};

const std::array ways = {
    Way{"execute", [](Connection& tx) { tx.execute("SELECT 1"); }},
    Way{"with a parameter", [](Connection& tx) { tx.execute("SELECT $1::int", 1); }},
    Way{"several", [](Connection& tx) { tx.execute("SELECT 1; INSERT INTO taken VALUES (1)"); }},
    Way{"described first",
        [](Connection& tx) { (void)tx.fetch_val<int>("INSERT INTO taken VALUES (1) RETURNING n"); }},
    Way{"one row of many",
        [](Connection& tx) { tx.execute_many("INSERT INTO taken VALUES ($1)", std::vector{1}); }},
    Way{"many rows",
        [](Connection& tx) { tx.execute_many("INSERT INTO taken VALUES ($1)", std::vector<int>(500, 1)); }},
    Way{"pipeline",
        [](Connection& tx) {
          for (const PipelineAnswer& answer :
               tx.execute(Pipeline().add("SELECT 1").add("INSERT INTO taken VALUES (1)").add("SELECT 2")))
            (void)answer.value();
        }},
    Way{"copy",
        [](Connection& tx) {
          Nothing nothing;
          tx.copy_in("COPY taken FROM STDIN", nothing);
        }},
    Way{"savepoint", [](Connection& tx) { tx.transaction([](Connection&) {}); }},
    Way{"savepoint with options",
        [](Connection& tx) { tx.transaction({.role = "tenant_8"}, [](Connection&) {}); }},
};

TEST_F(TransactionOptionsTest, come_before_the_first_statement_whatever_it_is) {
  for (const Way& way : ways) {
    for (int use = 0; use < 3; ++use) {
      const std::string got = db().transaction(
          {.isolation = Isolation::repeatable_read, .settings = {{"app.tenant", "7"}}, .role = "tenant_7"},
          [&](Connection& tx) {
            way.first(tx);
            return held(tx);
          });
      EXPECT_EQ(got.substr(0, 36), "repeatable read off off tenant_7 7 4") << way.name;
    }
  }
  expect_untouched();
}

TEST_F(TransactionOptionsTest, that_the_server_refuses_are_the_error_of_the_first_statement) {
  struct Bad {
    TransactionOptions options;
    const char* sqlstate;
    const char* words;
  };
  const std::array bad = {
      Bad{{.role = "nobody"}, "22023", "role \"nobody\" does not exist"},
      Bad{{.settings = {{"work_mem", "much"}}}, "22023", "invalid value for parameter \"work_mem\""},
      Bad{{.settings = {{"no_such", "1"}}}, "42704", "unrecognized configuration parameter \"no_such\""},
      Bad{{.settings = {{"a'b", "1"}}}, "42704", "unrecognized configuration parameter \"a'b\""},
      Bad{{.settings = {{"app.\"x", "1"}}}, "42602", "invalid configuration parameter name"},
      Bad{{.isolation = Isolation::serializable, .settings = {{"app.tenant", "7"}}, .role = "nobody"},
          "22023",
          "role \"nobody\" does not exist"},
  };
  for (const Way& way : ways) {
    for (const Bad& one : bad) {
      bool reached = false;
      const ErrorInfo error = error_of<QueryFailed>([&] {
        db().transaction(one.options, [&](Connection& tx) {
          way.first(tx);
          reached = true;
        });
      });
      EXPECT_EQ(error.sqlstate.text(), one.sqlstate) << way.name << ": " << error.message;
      EXPECT_NE(error.message.find(one.words), std::string::npos) << way.name << ": " << error.message;
      EXPECT_NE(error.query.find("set_config"), std::string::npos) << way.name << ": " << error.query;
      EXPECT_FALSE(reached);
    }
  }
  EXPECT_EQ(db().fetch_val<int>("SELECT count(*)::int FROM taken"), 0);
  expect_untouched();
}

TEST_F(TransactionOptionsTest, a_failed_beginning_leaves_a_lease_that_goes_on_after_the_rollback) {
  Connection connection = db().connection();
  Transaction transaction(connection, {.role = "nobody"});
  EXPECT_THROW(connection.execute("SELECT 1"), QueryFailed);
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::failed);
  transaction.rollback();
  EXPECT_EQ(connection.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(TransactionOptionsTest, that_can_not_be_sent_are_refused_before_anything_is_sent) {
  using namespace std::string_literals;
  const std::array<TransactionOptions, 4> bad = {
      TransactionOptions{.settings = {{"", "1"}}}, TransactionOptions{.settings = {{"app.x\0y"s, "1"}}},
      TransactionOptions{.settings = {{"app.x", "1\0"s}}}, TransactionOptions{.role = "tenant\0_7"s}};
  Connection connection = db().connection();
  for (const TransactionOptions& options : bad) {
    bool entered = false;
    EXPECT_THROW(connection.transaction(options, [&](Connection&) { entered = true; }), UsageError);
    EXPECT_FALSE(entered);
    EXPECT_EQ(connection.transaction_status(), TransactionStatus::idle);
  }
  EXPECT_EQ(connection.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(TransactionOptionsTest, a_write_where_none_was_wanted_ends_no_epoch) {
  const auto write = [](Connection& tx) { tx.execute("INSERT INTO taken VALUES (1)"); };
  const std::array<TransactionOptions, 3> options = {
      TransactionOptions{.read_only = true},
      TransactionOptions{.settings = {{"transaction_read_only", "on"}}},
      TransactionOptions{
          .settings = {{"default_transaction_read_only", "on"}, {"transaction_read_only", "on"}}}};
  for (const TransactionOptions& one : options) {
    for (const Way& way : ways) {
      if (std::string_view(way.name) != "execute" && std::string_view(way.name) != "pipeline") continue;
      const ErrorInfo error = error_of<QueryFailed>([&] { db().transaction(one, write); });
      EXPECT_TRUE(is_read_only(error.sqlstate)) << error.message;
    }
  }
  const ErrorInfo inside = error_of<QueryFailed>([&] {
    db().transaction([&](Connection& tx) {
      tx.execute("SELECT 1");
      tx.transaction({.read_only = true}, write);
    });
  });
  EXPECT_TRUE(is_read_only(inside.sqlstate)) << inside.message;
  for (const char* several : {"SELECT 1; INSERT INTO taken VALUES (1)", "INSERT INTO taken VALUES (1)"}) {
    EXPECT_THROW(db().transaction({.read_only = true}, [&](Connection& tx) { tx.execute(several); }),
                 QueryFailed);
  }
  expect_untouched();
  EXPECT_EQ(db().stats().connections_lost, 0U);
}

TEST_F(TransactionOptionsTest, names_mean_what_they_mean_to_the_path_and_role_of_the_transaction) {
  for (int use = 0; use < 6; ++use) {
    EXPECT_EQ(db().transaction({.settings = {{"search_path", "seven"}}},
                               [](Connection& tx) { return tx.fetch_val<int>("SELECT v FROM own"); }),
              7);
    EXPECT_EQ(db().transaction({.settings = {{"search_path", "eight"}}, .role = "tenant_8"},
                               [](Connection& tx) { return tx.fetch_val<std::string>("SELECT v FROM own"); }),
              "eight");
  }
}

class Savepoints : public TransactionOptionsTest {
 protected:
  static std::string tenant(Connection& connection) {
    return connection.fetch_val<std::string>(
        "SELECT concat_ws(' ', current_user, coalesce(current_setting('app.tenant', true), '?'), "
        "current_setting('transaction_read_only'))");
  }
};

TEST_F(Savepoints, refuse_what_only_a_transaction_can_have_before_anything_is_sent) {
  for (const bool begun_by_a_statement : {false, true}) {
    Connection connection = db().connection();
    std::optional<Transaction> outer;
    if (begun_by_a_statement)
      connection.execute("SELECT 1");
    else
      outer.emplace(connection);
    const TransactionStatus status = connection.transaction_status();
    const auto body = [](Connection&) { FAIL() << "was entered"; };
    EXPECT_THROW(connection.transaction({.isolation = Isolation::serializable}, body), UsageError);
    EXPECT_THROW(connection.transaction({.deferrable = true}, body), UsageError);
    EXPECT_THROW(connection.transaction({.resolve_commit = false}, body), UsageError);
    EXPECT_EQ(connection.transaction_status(), status);
    EXPECT_EQ(connection.fetch_val<int>("SELECT 1"), 1);
  }
}

TEST_F(TransactionOptionsTest, refuse_to_resolve_a_commit_in_a_pool_that_resolves_none) {
  const auto body = [](Connection&) { FAIL() << "was entered"; };
  EXPECT_THROW(db().transaction({.resolve_commit = true}, body), UsageError);
  EXPECT_NO_THROW(db().transaction({.resolve_commit = false}, [](Connection&) {}));
}

TEST_F(Savepoints, end_their_settings_role_and_read_only_when_they_commit_and_when_they_do_not) {
  const TransactionOptions inner{.read_only = true, .settings = {{"app.tenant", "8"}}, .role = "tenant_8"};
  for (const bool with_options : {false, true}) {
    const TransactionOptions outer =
        with_options ? TransactionOptions{.settings = {{"app.tenant", "7"}}, .role = "tenant_7"}
                     : TransactionOptions{};
    const std::string around = with_options ? "tenant_7 7 off" : "postgres  off";
    for (const bool commits : {true, false}) {
      db().transaction(outer, [&](Connection& tx) {
        if (commits) tx.execute("INSERT INTO taken VALUES (1)");
        try {
          tx.transaction(inner, [&](Connection& inside) {
            EXPECT_EQ(tenant(inside), "tenant_8 8 on");
            inside.transaction({.role = "tenant_7"},
                               [](Connection& third) { EXPECT_EQ(tenant(third), "tenant_7 8 on"); });
            EXPECT_EQ(tenant(inside), "tenant_8 8 on");
            if (!commits) throw 1;
          });
        } catch (int) {
        }
        const std::string after = tenant(tx);
        EXPECT_TRUE(after == around || after == "postgres ? off") << after;
        tx.execute("INSERT INTO taken VALUES (2)");
      });
      expect_untouched();
    }
  }
}

TEST_F(Savepoints, with_options_that_are_refused_leave_the_transaction_around_them_usable) {
  db().transaction({.settings = {{"app.tenant", "7"}}}, [](Connection& tx) {
    tx.execute("INSERT INTO taken VALUES (1)");
    const auto body = [](Connection&) { FAIL() << "was entered"; };
    const ErrorInfo error = error_of<QueryFailed>([&] {
      tx.transaction({.settings = {{"app.tenant", "8"}}, .role = "nobody"}, body);
    });
    EXPECT_EQ(error.sqlstate.text(), "22023");
    EXPECT_EQ(tenant(tx), "postgres 7 off");
    tx.execute("INSERT INTO taken VALUES (2)");
  });
  EXPECT_EQ(db().fetch_val<int>("SELECT count(*)::int FROM taken"), 2);
  expect_untouched();
}

TEST_F(Savepoints, that_follow_one_with_options_have_none_of_them) {
  db().transaction([](Connection& tx) {
    const auto fails = [](Connection& inside) { inside.execute("SELECT 1/0"); };
    EXPECT_THROW(tx.transaction({.role = "tenant_8"}, fails), QueryFailed);
    tx.transaction([](Connection& inside) {
      EXPECT_EQ(tenant(inside).substr(0, 8), "postgres");
      inside.execute("SET LOCAL ROLE tenant_7");
    });
    EXPECT_EQ(tenant(tx).substr(0, 8), "tenant_7") << "the body's own, which PostgreSQL keeps";
  });
}

}  // namespace
}  // namespace copg::test
