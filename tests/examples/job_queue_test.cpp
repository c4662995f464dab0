// The job queue in C++: what it does with the jobs of several tenants, on good days and bad ones.
#include <algorithm>
#include <set>

#include "examples/service_test.hpp"

namespace copg::test {
namespace {

// A worker that nothing has woken up looks into the table after 10 seconds nevertheless.
constexpr auto woken_up = 8s;

class JobQueueProgram : public DatabaseTest {
 protected:
  static void SetUpTestSuite() {
    DatabaseTest::SetUpTestSuite();
    open().execute(text_of(COPG_EXAMPLES "/job_queue/jobs.sql"));
  }
  JobQueueProgram() { begin(); }
  ~JobQueueProgram() override {
    if (!file.empty()) ::unlink(file.c_str());
  }

  /// Without jobs, and without sessions of a program that has ended.
  void begin() {
    db.execute("TRUNCATE jobs RESTART IDENTITY");
    EXPECT_TRUE(eventually([&] {
      return db.fetch_val<int>(
                 "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'service'") == 0;
    }));
  }
  [[nodiscard]] static Service start(std::vector<std::string> arguments) {
    return {COPG_JOB_QUEUE, server().url() + "&application_name=service", std::move(arguments)};
  }
  [[nodiscard]] static Service start(int tenant, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--tenant", std::to_string(tenant)});
    return start(std::move(arguments));
  }
  /// The output of a run that must end with this status.
  static std::string run(int tenant, std::vector<std::string> arguments, int status = 0) {
    Service program = start(tenant, std::move(arguments));
    EXPECT_EQ(program.exit_status(), status) << program.output();
    return program.output();
  }
  /// With redirections, as a shell has them.
  static std::string run_in_shell(const std::string& arguments) {
    Service shell("/bin/sh", server().url(), {"-c", "exec " COPG_JOB_QUEUE " --tenant 7 " + arguments});
    EXPECT_EQ(shell.exit_status(), 0) << shell.output();
    return shell.output();
  }
  const std::string& write(const std::string& text) const {
    std::ofstream(file) << text;
    return file;
  }
  void add(int tenant, const std::vector<std::string>& payloads) {
    db.transaction({.settings = {{"app.tenant", std::to_string(tenant)}}}, [&](Connection& conn) {
      conn.execute("INSERT INTO jobs (payload) SELECT unnest($1::text[])", payloads);
    });
  }
  [[nodiscard]] int waiting() {
    return db.fetch_val<int>("SELECT count(*)::int FROM jobs WHERE state = 'waiting'");
  }
  /// What a worker of this tenant must have said, in the order of the text.
  [[nodiscard]] std::multiset<std::string> ended(int tenant) {
    const auto lines =
        db.fetch_all<std::string>("SELECT 'job ' || id || ' done' FROM jobs WHERE tenant = $1", tenant);
    return {lines.begin(), lines.end()};
  }
  [[nodiscard]] static std::multiset<std::string> lines_of(const Service& program) {
    std::istringstream text(program.output());
    std::multiset<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.insert(line);
    return lines;
  }
  /// Waits until so many programs listen, and have looked into the table and found nothing to do.
  [[nodiscard]] bool wait_for_waiting(int programs) {
    return eventually([&] {
      return db.fetch_val<int>(
                 "SELECT CASE WHEN bool_and(state = 'idle' AND state_change < now() - interval '0.1 s') "
                 "THEN count(*) FILTER (WHERE query ILIKE 'LISTEN %') ELSE 0 END::int "
                 "FROM pg_stat_activity WHERE application_name = 'service'") == programs;
    });
  }

  PooledDatabase db = open();
  std::string file = [] {
    std::string name = ::testing::TempDir() + "copg-jobs-XXXXXX";
    ::close(::mkstemp(name.data()));
    return name;
  }();
};

TEST_F(JobQueueProgram, tells_how_to_use_it) {
  Service help = start({"--help"});
  EXPECT_EQ(help.exit_status(), 0);
  EXPECT_NE(help.output().find("Exit codes:"), std::string::npos) << help.output();
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"status"},
      {"--tenant", "7"},
      {"--tenant", "seven", "status"},
      {"--tenant", "7x", "status"},
      {"--tenant", "2147483648", "status"},
      {"--tenant", "7", "juggle"},
      {"--tenant", "7", "status", "now"},
      {"--tenant", "7", "import"},
      {"--tenant", "7", "work", "--workers", "0"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    Service program = start(arguments);
    EXPECT_EQ(program.exit_status(), 2) << ::testing::PrintToString(arguments);
    EXPECT_NE(program.output(), "");
  }
}

TEST_F(JobQueueProgram, says_in_one_line_why_it_has_no_database) {
  write("as it was");
  Service program(COPG_JOB_QUEUE, server().url("no_such_database"), {"--tenant", "7", "export", file});
  EXPECT_EQ(program.exit_status(), 1);
  EXPECT_NE(program.output().find("no_such_database"), std::string::npos) << program.output();
  EXPECT_EQ(lines_of(program).size(), 1U) << program.output();
  EXPECT_EQ(text_of(file), "as it was");
}

TEST_F(JobQueueProgram, wakes_up_the_workers_of_a_tenant_for_its_jobs_and_no_others) {
  const Service seven = start(7, {"work", "--workers", "4"});
  const Service eight = start(8, {"work", "--workers", "2"});
  ASSERT_TRUE(wait_for_waiting(2)) << seven.output() << eight.output();
  EXPECT_EQ(run(7, {"import", write("payload\nthe first\n")}), "1 jobs imported\n");
  ASSERT_TRUE(eventually([&] { return waiting() == 0; }, woken_up));
  std::string csv = "payload\n";
  for (int i = 0; i < 100; ++i) csv += std::to_string(i) + (i % 2 == 0 ? " one two\n" : "\n");
  EXPECT_EQ(run(7, {"import", write(csv)}), "100 jobs imported\n");
  EXPECT_EQ(run(8, {"import", write("payload\n\"of, another\"\n")}), "1 jobs imported\n");
  EXPECT_TRUE(eventually([&] { return waiting() == 0; }, woken_up)) << waiting();
  EXPECT_EQ(ended(7).size(), 101U);
  EXPECT_TRUE(eventually([&] { return lines_of(seven) == ended(7); })) << seven.output();
  EXPECT_TRUE(eventually([&] { return lines_of(eight) == ended(8); })) << eight.output();

  EXPECT_EQ(run(8, {"export", file}), "1 jobs exported\n");
  EXPECT_EQ(text_of(file), "id,payload,state,result\n102,\"of, another\",done,2\n");
  EXPECT_EQ(run(7, {"export", file}), "101 jobs exported\n");
  std::string expected = "id,payload,state,result\n1,the first,done,2\n";
  for (int i = 0; i < 100; ++i) {
    expected +=
        std::to_string(i + 2) + ',' + std::to_string(i) + (i % 2 == 0 ? " one two,done,3\n" : ",done,1\n");
  }
  EXPECT_EQ(text_of(file), expected);
}

TEST_F(JobQueueProgram, shares_the_jobs_of_a_tenant_among_processes) {
  add(7, std::vector<std::string>(200, "a b"));
  Service first = start(7, {"work", "--until-empty"});
  Service second = start(7, {"work", "--until-empty", "--workers", "2"});
  EXPECT_EQ(first.exit_status(), 0);
  EXPECT_EQ(second.exit_status(), 0);
  std::multiset<std::string> lines = lines_of(first);
  lines.merge(lines_of(second));
  EXPECT_EQ(lines, ended(7));
  EXPECT_EQ(run(7, {"status"}), "waiting 0, done 200, failed 0\n");
}

TEST_F(JobQueueProgram, keeps_a_job_that_failed_with_the_reason) {
  add(7, {"fail now", "well done, you"});
  add(8, {"waits"});
  EXPECT_EQ(run(7, {"status"}), "waiting 2, done 0, failed 0\n");
  EXPECT_EQ(run(7, {"work", "--until-empty", "--workers", "1"}), "job 1 done\njob 2 done\n");
  EXPECT_EQ(run(7, {"status"}), "waiting 0, done 1, failed 1\n");
  EXPECT_EQ(run(8, {"status"}), "waiting 1, done 0, failed 0\n");
  run(7, {"export", file});
  EXPECT_EQ(text_of(file),
            "id,payload,state,result\n1,fail now,failed,it was told to fail\n"
            "2,\"well done, you\",done,3\n");
}

TEST_F(JobQueueProgram, hears_of_jobs_though_its_listening_connection_was_lost) {
  const Service program = start(7, {"work"});
  ASSERT_TRUE(wait_for_waiting(1)) << program.output();
  // The COMMIT sends the notification right behind, when no other connection listens yet.
  db.transaction({.settings = {{"app.tenant", "7"}}}, [](Connection& conn) {
    conn.execute("INSERT INTO jobs (payload) VALUES ('a')");
    EXPECT_TRUE(
        conn.fetch_val<bool>("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                             "WHERE application_name = 'service' AND query ILIKE 'LISTEN %'"));
  });
  EXPECT_TRUE(eventually([&] { return waiting() == 0; }, woken_up)) << program.output();
}

TEST_F(JobQueueProgram, ends_by_a_signal_after_the_job_at_hand) {
  for (const int signal : {SIGINT, SIGTERM}) {
    begin();
    add(7, {"one", "two"});
    Connection lock = db.connection();
    lock.execute("LOCK TABLE jobs IN SHARE MODE");  // a job can be taken, and not ended
    Service program = start(7, {"work", "--workers", "1"});
    ASSERT_TRUE(eventually([&] {
      return db.fetch_val<int>(
                 "SELECT count(*)::int FROM pg_stat_activity "
                 "WHERE application_name = 'service' AND wait_event_type = 'Lock'") == 1;
    })) << program.output();
    program.signal(signal);
    EXPECT_EQ(program.exit_status(300ms), std::nullopt) << program.output();
    lock.rollback();
    EXPECT_EQ(program.exit_status(), 0) << program.output();
    EXPECT_EQ(program.output(), "job 1 done\n");
    EXPECT_EQ(waiting(), 1);
  }
}

TEST_F(JobQueueProgram, ends_by_a_signal_while_it_waits) {
  for (const int signal : {SIGINT, SIGTERM}) {
    begin();
    Service program = start(7, {"work"});
    ASSERT_TRUE(wait_for_waiting(1)) << program.output();
    program.signal(signal);
    EXPECT_EQ(program.exit_status(5s), 0) << program.output();
    EXPECT_EQ(program.output(), "");
  }
}

TEST_F(JobQueueProgram, imports_all_lines_or_none_and_names_the_bad_one) {
  const std::vector<std::pair<std::string, std::string>> bad_files = {
      {"payload\ngood\nbad, two\n", "line 3"},
      {"payload\ngood\n\ngood\n", "line 3"},
      {"payload\ngood\n\"\"\n", "line 3"},
      {"payload\ngood\n\"open\n", "line 4"},  // the end of the file, where the quote is missed
  };
  for (const auto& [bad, line] : bad_files) {
    const std::string said = run(7, {"import", write(bad)}, 1);
    EXPECT_TRUE(said.starts_with("job_queue: ")) << said;
    EXPECT_NE(said.find(line), std::string::npos) << bad << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    EXPECT_EQ(run(7, {"status"}), "waiting 0, done 0, failed 0\n") << bad;
  }
}

TEST_F(JobQueueProgram, says_which_file_is_at_fault) {
  for (const char* const command : {"import", "export"}) {
    for (const std::string& path : {std::string("/no/such/file.csv"), ::testing::TempDir()}) {
      const std::string said = run(7, {command, path}, 1);
      EXPECT_NE(said.find(path), std::string::npos) << said;
    }
  }
  EXPECT_NE(run(7, {"export", "/dev/full"}, 1).find("/dev/full"), std::string::npos);
}

TEST_F(JobQueueProgram, reads_standard_input_and_writes_standard_output) {
  EXPECT_EQ(run_in_shell("import - < " + write("payload\n\"two\nlines\"\n")), "1 jobs imported\n");
  EXPECT_EQ(run_in_shell("export - 2> " + file), "id,payload,state,result\n1,\"two\nlines\",waiting,\n");
  EXPECT_EQ(text_of(file), "1 jobs exported\n");
}

}  // namespace
}  // namespace copg::test
