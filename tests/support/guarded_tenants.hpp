// A hundred tenants who share one table under row level security: a transaction's setting says whose rows it
// may see, and its role makes that binding. For storms, in which none may see a row of another.
#pragma once

#include <copg/copg.hpp>

#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace copg::test {

class GuardedTenants {
 public:
  static constexpr int tenants = 100;
  static constexpr std::size_t rows_of_each = 3;
  static constexpr const char* all_rows = "SELECT tenant, n FROM guarded";
  static constexpr const char* what_holds =
      "SELECT current_user || coalesce(current_setting('app.tenant', true), '')";

  /// What makes them, in one text.
  static std::string making() {
    return "CREATE TABLE guarded (tenant text, n int);"
           "INSERT INTO guarded SELECT 'tenant ' || t, n FROM generate_series(0, 99) t, generate_series(1, "
           "3) n;"
           "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;"
           "CREATE POLICY own ON guarded USING (tenant = current_setting('app.tenant'));"
           "CREATE ROLE guarded_app; GRANT ALL ON guarded TO guarded_app";
  }
  static TransactionOptions options(int tenant) {
    return {.settings = {{"app.tenant", name(tenant)}}, .role = "guarded_app"};
  }
  static std::string name(int tenant) { return "tenant " + std::to_string(tenant); }

  void judge(const Result& rows, int tenant) {
    if (rows.size() != rows_of_each) note(name(tenant) + " has got " + std::to_string(rows.size()) + " rows");
    for (const Row row : rows) {
      if (row[0].text() != name(tenant))
        note(name(tenant) + " has got a row of " + std::string(row[0].text()));
    }
  }
  /// `held`: the answer to `what_holds` outside the transactions of tenants.
  void judge_outside(const std::string& held) {
    if (held != "postgres") note("outside holds " + held);
  }
  void note(std::string wrong) {
    const std::lock_guard lock(mutex_);
    wrong_.push_back(std::move(wrong));
  }
  [[nodiscard]] std::vector<std::string> wrong() {
    const std::lock_guard lock(mutex_);
    return wrong_;
  }

  /// One transaction of some tenant, which may end in each way; and a look from outside.
  void work(PooledDatabase& db, std::minstd_rand& dice) {
    const auto roll = [&](int sides) { return std::uniform_int_distribution(0, sides - 1)(dice); };
    const int tenant = roll(tenants);
    const int other = roll(tenants);
    const int end = roll(8);
    try {
      db.transaction(options(tenant), [&](Connection& tx) {
        if (roll(8) == 0) tx.execute("SELECT 1; SELECT 2");
        for (int n = roll(3); n >= 0; --n) judge(tx.execute(all_rows), tenant);
        if (roll(3) == 0) {
          tx.transaction({.read_only = true, .settings = {{"app.tenant", name(other)}}},
                         [&](Connection& inner) { judge(inner.execute(all_rows), other); });
          judge(tx.execute(all_rows), tenant);
        }
        if (end == 0) tx.execute("SELECT 1 / 0");
        if (end == 1) tx.timeout(Seconds(0.002));
        if (end == 1) tx.execute("SELECT pg_sleep(5)");
        if (end == 2) tx.rollback();
        if (end == 3) throw 1;
      });
      if (end == 0 || end == 1 || end == 3) note("an error got lost");
    } catch (const QueryFailed&) {
      if (end != 0) note("a statement failed");
    } catch (const QueryTimeout&) {
      if (end != 1) note("a statement was late");
    } catch (int) {
    }
    judge_outside(db.fetch_val<std::string>(what_holds));
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> wrong_;
};

}  // namespace copg::test
