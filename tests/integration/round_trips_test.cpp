// What calls cost on the wire: turns of the conversation, and send(2) calls of libpq.
#include "integration/database_test.hpp"

#include <vector>

#include "support/counted_sockets.hpp"
#include "support/gate.hpp"

namespace copg::test {
namespace {

class RoundTrips : public DatabaseTest {
 protected:
  void SetUp() override {
    gate_ = std::make_unique<Gate>(server().port());
    db_ = std::make_unique<PooledDatabase>(Config::from_url(gate_->url()),
                                           PoolOptions{.min_size = 1, .max_size = 1});
    db_->wait();
    db_->execute("CREATE TABLE IF NOT EXISTS paid (x int)");
    ASSERT_TRUE(eventually([&] { return db_->stats().pool_available == 1; }));
  }
  struct Cost {
    int turns;
    int sends;
  };
  template <class Body>
  Cost cost_of(Body body) {
    const int turns = gate_->turns();
    const SocketCalls calls = socket_calls();
    body();
    return {gate_->turns() - turns, (socket_calls() - calls).sends};
  }
  PooledDatabase& db() { return *db_; }

 private:
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<PooledDatabase> db_;
};

TEST_F(RoundTrips, execute_costs_one_on_its_first_second_and_later_use) {
  for (int use = 1; use <= 4; ++use) {
    const Cost cost = cost_of([&] { EXPECT_EQ(db().fetch_val<int>("SELECT $1::int", use), use); });
    EXPECT_EQ(cost.turns, 1) << "use " << use;
    EXPECT_EQ(cost.sends, 1) << "use " << use;
  }
}

TEST_F(RoundTrips, a_statement_without_parameters_costs_one) {
  for (int use = 1; use <= 4; ++use) {
    const Cost cost = cost_of([&] { db().execute("INSERT INTO paid VALUES (1)"); });
    EXPECT_EQ(cost.turns, 1) << "use " << use;
    EXPECT_EQ(cost.sends, 1) << "use " << use;
  }
  EXPECT_EQ(cost_of([&] { db().execute("SELECT 1; SELECT 2"); }).turns, 1);
}

TEST_F(RoundTrips, a_write_whose_rows_are_read_costs_two_the_first_time_and_one_after_it) {
  for (int use = 1; use <= 5; ++use) {
    const Cost cost = cost_of(
        [&] { EXPECT_EQ(db().fetch_val<int>("INSERT INTO paid VALUES ($1) RETURNING x", use), use); });
    EXPECT_EQ(cost.turns, use == 1 ? 2 : 1) << "use " << use;
  }
  EXPECT_EQ(cost_of([&] { (void)db().fetch_one<int>("INSERT INTO paid VALUES (1)"); }).turns, 1);
}

TEST_F(RoundTrips, a_refused_statement_costs_one) {
  EXPECT_EQ(cost_of([&] { EXPECT_THROW(db().execute("SELECT 1/$1::int", 0), QueryFailed); }).turns, 1);
}

TEST_F(RoundTrips, a_transaction_of_k_statements_costs_k_and_one) {
  for (int round = 0; round < 3; ++round) {
    const Cost cost = cost_of([&] {
      db().transaction([](Connection& tx) {
        for (int i = 0; i < 5; ++i) tx.execute("INSERT INTO paid VALUES ($1)", i);
      });
    });
    EXPECT_EQ(cost.turns, 6);
    EXPECT_LE(cost.sends, 7);
  }
}

TEST_F(RoundTrips, isolation_settings_and_a_role_cost_a_transaction_of_k_statements_nothing_more) {
  db().execute("DROP ROLE IF EXISTS paying");
  db().execute("CREATE ROLE paying; GRANT ALL ON paid TO paying");
  const TransactionOptions options{.isolation = Isolation::serializable,
                                   .settings = {{"app.tenant", "7"}, {"work_mem", "5MB"}},
                                   .role = "paying"};
  for (int round = 0; round < 4; ++round) {
    const Cost cost = cost_of([&] {
      db().transaction(options, [](Connection& tx) {
        for (int i = 0; i < 5; ++i) tx.execute("INSERT INTO paid VALUES ($1)", i);
      });
    });
    EXPECT_EQ(cost.turns, 6);
    EXPECT_LE(cost.sends, 7);
    // In one send: a slow client of several would be answered in between.
    const std::vector<int> rows(100, 1);
    EXPECT_LE(cost_of([&] {
                db().transaction(
                    options, [&](Connection& tx) { tx.execute_many("INSERT INTO paid VALUES ($1)", rows); });
              }).turns,
              4);
    const Cost savepoint = cost_of([&] {
      db().transaction(options, [](Connection& tx) {
        tx.execute("SELECT 1");
        tx.transaction({.read_only = true, .settings = {{"app.tenant", "8"}}},
                       [](Connection& inside) { inside.execute("SELECT 1"); });
      });
    });
    EXPECT_EQ(savepoint.turns, 5) << "as a savepoint without options";
  }
  db().execute("DROP OWNED BY paying; DROP ROLE paying");
}

TEST_F(RoundTrips, a_transaction_of_nothing_costs_nothing) {
  EXPECT_EQ(cost_of([&] { db().transaction([](Connection&) {}); }).turns, 0);
}

TEST_F(RoundTrips, execute_many_costs_the_same_for_few_rows_and_for_many) {
  for (const int rows : {2, 50, 1000}) {
    const std::vector<int> values(static_cast<std::size_t>(rows), 1);
    const Cost cost =
        cost_of([&] { EXPECT_EQ(db().execute_many("INSERT INTO paid VALUES ($1)", values), rows); });
    EXPECT_LE(cost.turns, 3) << rows << " rows";
  }
}

TEST_F(RoundTrips, a_commit_whose_fate_can_be_asked_for_costs_one) {
  Gate gate(server().port());
  PooledDatabase resolving(Config::from_url(gate.url()),
                           {.min_size = 1, .max_size = 1, .resolve_commits = ResolveCommits::always});
  resolving.wait();
  for (int use = 1; use <= 4; ++use) {
    Connection conn = resolving.connection();
    conn.execute("INSERT INTO paid VALUES (1)");
    const int turns = gate.turns();
    conn.commit();
    EXPECT_EQ(gate.turns() - turns, 1) << "use " << use;
  }
}

TEST_F(RoundTrips, a_pipeline_costs_one) {
  Pipeline pipeline;
  for (int i = 0; i < 20; ++i) pipeline.add("SELECT $1::int", i);
  Connection conn = db().connection();
  for (const bool autocommit : {false, true}) {
    conn.rollback();
    conn.autocommit(autocommit);
    for (int use = 1; use <= 3; ++use) {
      std::vector<PipelineAnswer> answers;
      const Cost cost = cost_of([&] { answers = conn.execute(pipeline); });
      EXPECT_EQ(cost.turns, 1) << "use " << use;
      ASSERT_EQ(answers.size(), 20U);
      EXPECT_EQ(answers[19].value()[0][0].as<int>(), 19);
    }
  }
}

TEST_F(RoundTrips, a_pipeline_of_a_pool_costs_one_each_its_own_or_all_or_none) {
  Pipeline pipeline;
  for (int i = 0; i < 20; ++i) pipeline.add("SELECT $1::int", i);
  for (int use = 1; use <= 4; ++use) {
    EXPECT_EQ(cost_of([&] { EXPECT_EQ(db().execute(pipeline).size(), 20U); }).turns, 1) << "use " << use;
    EXPECT_EQ(cost_of([&] { EXPECT_EQ(db().execute_all(pipeline).size(), 20U); }).turns, 1) << "use " << use;
  }
  EXPECT_EQ(cost_of([&] { db().execute_all(Pipeline()); }).turns, 0);
}

TEST_F(RoundTrips, a_lease_that_is_not_used_costs_nothing) {
  EXPECT_EQ(cost_of([&] { (void)db().connection(); }).turns, 0);
}

}  // namespace
}  // namespace copg::test
