// Pipelines whose connection is cut at any byte, or killed, or that are dropped half-way: what is said of
// each statement is true, and the connection comes back clean if it lives.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <set>

#include "pipeline.hpp"
#include "pq/reset_operation.hpp"
#include "support/scripted_server.hpp"

namespace copg::test {
namespace {

using pq::BeginFirst;
using pq::Connection;
using pq::PipelineOutcome;
using Strings = std::vector<std::string>;

/// One conversation: texts prepared beforehand, then a pipeline.
struct Scene {
  std::string name;
  Strings before;  // executed one by one
  std::vector<Text> texts;
  BeginFirst begin = BeginFirst::no;
};

std::vector<Scene> scenes() {
  return {
      {"each_alone",
       {},
       {{"SELECT 1"},
        {"SELECT 1/0"},
        {"SELEC 1"},
        {"SELECT repeat('x', 100) FROM generate_series(1, 3)"},
        {"SELECT $1::text", params("two")},
        {"SELECT $1::text", params("second use")},
        {"SELECT $1::text", params("third use")}}},
      {"named", {"SELECT 1", "SELECT 1"}, {{"SELECT 1"}, {"SELECT 2"}, {"SELECT 1"}, {"SELECT 1/0"}}},
      {"one_transaction",
       {},
       {{"SELECT 1"}, {"SELECT 2"}, {"SELECT 1/0"}, {"SELECT 3"}, {"COMMIT"}, {"SELECT 4"}},
       BeginFirst::yes},
      {"committed", {}, {{"CREATE TEMP TABLE x (a int)"}, {"COMMIT"}, {"SELECT 4"}}, BeginFirst::yes},
      {"sent_again",
       {"CREATE TEMP TABLE x (a int)", "SELECT * FROM x", "SELECT * FROM x",
        "ALTER TABLE x ALTER a TYPE text"},
       {{"SELECT * FROM x"}, {"SELECT 2"}, {"SELECT 3"}}},
  };
}

/// What a scene came to.
struct End {
  bool connected = false;  // and all that comes before the pipeline went well
  bool lost = false;
  std::vector<PipelineOutcome> outcomes;
  std::vector<std::optional<Outcome>> told;
};

Keywords keywords_of(const SocketFolder& folder) {
  return {
      {"host", folder.host()}, {"port", SocketFolder::port()}, {"user", "postgres"}, {"dbname", "postgres"}};
}

End play(const SocketFolder& folder, const Scene& scene) {
  End end;
  pq::ConnectOperation connecting({.keywords = keywords_of(folder)});
  run(connecting);
  if (connecting.error() != nullptr) return end;
  const auto connection = connecting.take_connection();
  for (const std::string& sql : scene.before) {
    if (execute(*connection, sql).error) return end;
  }
  end.connected = true;
  Pipeline pipeline(*connection, scene.texts, scene.begin);
  run(pipeline.operation);
  end.lost = pipeline.operation.error() != nullptr;
  EXPECT_EQ(connection->alive(), !end.lost);
  for (std::size_t i = 0; i < pipeline.size(); ++i) end.outcomes.push_back(pipeline.operation.outcome(i));
  end.told = std::move(pipeline.told);
  return end;
}

std::filesystem::path server_socket() {
  return server().socket_folder() / (".s.PGSQL." + std::to_string(server().port()));
}

class CutPipeline : public ::testing::TestWithParam<Scene> {
 protected:
  CutPipeline() {
    transcript =
        record(server_socket(), [&](const SocketFolder& folder) { whole = play(folder, GetParam()); });
  }

  void expect_the_truth(const End& end, const std::string& where) const {
    for (std::size_t i = 0; i < end.told.size(); ++i) {
      const std::string what = where + ", statement " + std::to_string(i);
      const std::optional<Outcome>& told = end.told[i];
      switch (end.outcomes[i]) {
        case PipelineOutcome::never_sent: EXPECT_FALSE(told) << what; break;
        case PipelineOutcome::unknown: {
          ASSERT_TRUE(told && told->error) << what;
          const bool commits = GetParam().texts[i].sql == "COMMIT";
          EXPECT_EQ(told->error->kind, commits ? ErrorKind::commit_unknown : ErrorKind::connection_failed)
              << what;
          EXPECT_NE(told->error->message.find("may or may not have been"), std::string::npos) << what;
          EXPECT_EQ(told->error->query, GetParam().texts[i].sql);
          EXPECT_FALSE(told->error->connection_survives);
          break;
        }
        case PipelineOutcome::answered:
          ASSERT_TRUE(told && !told->error) << what;
          EXPECT_EQ(told->text(), whole.told[i]->text()) << what;
          break;
        case PipelineOutcome::failed:
          ASSERT_TRUE(told && told->error) << what;
          // Refused before it ran, it would have been sent again.
          if (told->error->sqlstate.text() != "0A000") {
            EXPECT_EQ(told->text(), whole.told[i]->text()) << what;
          }
          break;
      }
    }
  }

  Transcript transcript;
  End whole;
};

TEST_P(CutPipeline, the_whole_script_gives_what_the_real_server_gave) {
  for (const auto pace : {ScriptedServer::Pace::whole, ScriptedServer::Pace::byte_by_byte}) {
    const SocketFolder folder;
    const ScriptedServer script(folder, transcript, ScriptedServer::no_cut, pace);
    const End end = play(folder, GetParam());
    EXPECT_FALSE(end.lost);
    EXPECT_EQ(end.outcomes, whole.outcomes);
    expect_the_truth(end, "whole");
  }
}

TEST_P(CutPipeline, cut_at_any_byte_what_is_said_of_each_statement_is_true) {
  const std::size_t size = bytes_said(transcript);
  const SocketFolder folder;
  std::set<std::size_t> unknown;
  std::set<std::size_t> never_sent;
  for (std::size_t cut = 0; cut < size; ++cut) {
    const ScriptedServer script(folder, transcript, cut, ScriptedServer::Pace::whole);
    const End end = play(folder, GetParam());
    if (!end.connected) continue;
    const std::string where = "cut after " + std::to_string(cut) + " of " + std::to_string(size);
    EXPECT_TRUE(end.lost) << where;
    expect_the_truth(end, where);
    const auto count = [&](PipelineOutcome outcome) {
      return static_cast<std::size_t>(std::ranges::count(end.outcomes, outcome));
    };
    unknown.insert(count(PipelineOutcome::unknown));
    never_sent.insert(count(PipelineOutcome::never_sent));
  }
  // Down to the last one, whose ReadyForQuery lacks a byte. What stands behind a COMMIT waits for BEGIN's
  // answer.
  EXPECT_TRUE(unknown.contains(1));
  EXPECT_GE(unknown.size(), 2U);
  EXPECT_GE(*never_sent.rbegin(), GetParam().begin == BeginFirst::yes ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(EachScene, CutPipeline, ::testing::ValuesIn(scenes()),
                         [](const auto& scene) { return scene.param.name; });

std::string message(char type, const std::string& body) {
  const std::size_t size = body.size() + 4;
  std::string all(1, type);
  for (const int shift : {24, 16, 8, 0}) all += static_cast<char>(size >> shift & 0xFF);
  return all + body;
}

Scene three(BeginFirst begin) { return {"", {}, {{"SELECT 1"}, {"SELECT 2"}, {"SELECT 3"}}, begin}; }

/// The answers to three() in one turn, with `first` in place of what comes before the first ReadyForQuery.
Transcript with_first_answer(BeginFirst begin, const std::string& first) {
  const Transcript real =
      record(server_socket(), [&](const SocketFolder& folder) { (void)play(folder, three(begin)); });
  Transcript made{real.front(), {}};
  for (std::size_t i = 1; i < real.size(); ++i) {
    made[1].heard += real[i].heard;
    made[1].said += real[i].said;
  }
  const std::string ready("Z\0\0\0\5", 5);
  made[1].said.replace(0, made[1].said.find(ready), first);
  return made;
}

End play_with_first_answer(BeginFirst begin, const std::string& first) {
  const Transcript transcript = with_first_answer(begin, first);
  const SocketFolder folder;
  const ScriptedServer script(folder, transcript, ScriptedServer::no_cut, ScriptedServer::Pace::whole);
  return play(folder, three(begin));
}

const std::string parsed = message('1', "") + message('2', "") + message('n', "");
const std::string text_format(3, '\0');
const std::string cancelled = message('E', std::string("SERROR\0VERROR\0C57014\0Mcancelled\0\0", 33));

void expect_only_the_first_refused(const End& end) {
  ASSERT_TRUE(end.told[0]->error);
  EXPECT_EQ(end.told[0]->error->kind, ErrorKind::usage);
  EXPECT_EQ(end.told[1]->text(), "2");
  EXPECT_EQ(end.told[2]->text(), "3");
  EXPECT_FALSE(end.lost);
}

TEST(ScriptedPipeline, copy_data_that_comes_unasked_for_is_dropped_and_the_others_go_on) {
  expect_only_the_first_refused(play_with_first_answer(
      BeginFirst::no, parsed + message('H', text_format) + message('d', "data\n") + message('c', "") +
                          message('C', std::string("COPY 1\0", 7))));
}

TEST(ScriptedPipeline, copy_data_that_is_asked_for_unexpectedly_is_refused_and_the_others_go_on) {
  expect_only_the_first_refused(
      play_with_first_answer(BeginFirst::no, parsed + message('G', text_format) + cancelled));
}

TEST(ScriptedPipeline, where_begin_is_cancelled_no_statement_has_a_sync_that_would_let_it_run_alone) {
  // The only answer there is: a statement with a Sync of its own would be waited for.
  const Scene scene = three(BeginFirst::yes);
  Transcript transcript = with_first_answer(scene.begin, cancelled);
  const SocketFolder folder;
  const ScriptedServer script(folder, transcript, ScriptedServer::no_cut, ScriptedServer::Pace::whole);
  const auto connection = connect({.keywords = keywords_of(folder)});
  Pipeline pipeline(*connection, scene.texts, scene.begin);
  run(pipeline.operation);
  ASSERT_NE(pipeline.operation.error(), nullptr);
  EXPECT_TRUE(pipeline.operation.error()->connection_survives);
  EXPECT_EQ(pipeline.texts(), Strings(3, "57014"));
  EXPECT_TRUE(connection->protocol_idle());
}

class LostPipeline : public ::testing::Test {
 protected:
  LostPipeline() : connection(connect()), observer(connect()) {
    (void)execute(*observer, "DROP TABLE IF EXISTS ran; CREATE TABLE ran (id int, filler text)");
  }
  /// INSERTs of their own number, and one that never ends.
  static std::vector<Text> inserts(int count, int endless, std::size_t filler) {
    std::vector<Text> texts;
    for (int i = 0; i < count; ++i) {
      if (i == endless) {
        texts.push_back({"SELECT pg_sleep(600)"});
      } else {
        texts.push_back({"INSERT INTO ran VALUES ($1, $2)", params(i, std::string(filler, 'x'))});
      }
    }
    return texts;
  }
  void kill() {
    ASSERT_EQ(execute(*observer, "SELECT pg_terminate_backend($1)", params(connection->backend_pid())).text(),
              "t");
    ASSERT_TRUE(comes_true(
        *observer,
        "SELECT count(*) FROM pg_stat_activity WHERE pid = " + std::to_string(connection->backend_pid()),
        "0"));
  }
  bool ran(std::size_t index) {
    return execute(*observer, "SELECT count(*) FROM ran WHERE id = $1", params(static_cast<int>(index)))
               .text() == "1";
  }
  /// Drives until the pipeline waits and `enough` is true.
  static void drive(Pipeline& pipeline, const std::function<bool()>& enough) {
    pq::Ready ready = pq::Ready::none;
    const auto deadline = SteadyClock::now() + default_patience;
    while (SteadyClock::now() < deadline) {
      const pq::Step step = pipeline.operation.advance(ready);
      ASSERT_FALSE(step.done);
      const bool quiet = !wait_for(step, SteadyClock::now() + 20ms, ready);
      if (quiet && enough()) return;
    }
    FAIL() << "the pipeline does not get that far";
  }
  void reset() {
    pq::ResetOperation operation(*connection, ResetMode::tracked);
    run(operation);
    ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
    EXPECT_TRUE(connection->clean());
    EXPECT_EQ(connection->syncs_pending(), 0);
    EXPECT_EQ(execute(*connection, "SELECT 'served'").text(), "served");
  }

  std::unique_ptr<Connection> connection;
  std::unique_ptr<Connection> observer;
};

TEST_F(LostPipeline, a_backend_killed_in_the_middle_leaves_answers_unknowns_and_never_sents) {
  constexpr int count = 300;
  constexpr int endless = 40;
  // More than any socket takes while the server sleeps.
  Pipeline pipeline(*connection, inserts(count, endless, 100'000));
  drive(pipeline, [&] { return pipeline.order.size() == endless; });
  EXPECT_EQ(pipeline.operation.outcome(count - 1), PipelineOutcome::never_sent);
  kill();
  run(pipeline.operation);
  ASSERT_NE(pipeline.operation.error(), nullptr);
  EXPECT_EQ(pipeline.operation.error()->kind, ErrorKind::connection_failed);
  EXPECT_EQ(pipeline.operation.error()->sqlstate.text(), "57P01") << pipeline.operation.error()->message;
  EXPECT_FALSE(connection->alive());
  for (std::size_t i = 0; i < count; ++i) {
    const PipelineOutcome outcome = pipeline.operation.outcome(i);
    EXPECT_EQ(outcome == PipelineOutcome::answered, i < endless) << i;
    EXPECT_EQ(outcome == PipelineOutcome::never_sent, !pipeline.told[i]) << i;
    EXPECT_EQ(ran(i), outcome == PipelineOutcome::answered) << i;
  }
  EXPECT_TRUE(std::ranges::is_sorted(pipeline.order));
}

TEST_F(LostPipeline, killed_at_any_time_what_ran_was_answered_or_is_unknown) {
  constexpr std::size_t count = 2000;
  for (const std::size_t answers : {1U, 10U, 100U, 1000U}) {
    (void)execute(*observer, "TRUNCATE ran");
    connection = connect();
    Pipeline pipeline(*connection, inserts(count, -1, 2000));
    pq::Ready ready = pq::Ready::none;
    bool done = false;
    while (!done && pipeline.order.size() < answers) {
      const pq::Step step = pipeline.operation.advance(ready);
      done = step.done;
      ASSERT_TRUE(done || wait_for(step, SteadyClock::now() + default_patience, ready));
    }
    ASSERT_FALSE(done);
    kill();
    run(pipeline.operation);
    ASSERT_NE(pipeline.operation.error(), nullptr);
    const Outcome rows = execute(*observer, "SELECT id FROM ran");
    std::vector<int> runs(count);
    for (std::size_t i = 0; i < rows.result.size(); ++i)
      ++runs[std::stoul(std::string(rows.result[i][0].text()))];
    for (std::size_t i = 0; i < count; ++i) {
      const PipelineOutcome outcome = pipeline.operation.outcome(i);
      EXPECT_GE(runs[i], outcome == PipelineOutcome::answered ? 1 : 0) << i;
      EXPECT_LE(runs[i], outcome == PipelineOutcome::never_sent ? 0 : 1) << i;
    }
  }
}

TEST_F(LostPipeline, a_peer_that_goes_without_a_word_while_the_socket_is_full_ends_the_pipeline) {
  for (const std::size_t behind : {0U, 20U}) {
    connection = connect();
    std::vector<Text> texts{{"SELECT pg_sleep(600)"},
                            {"SELECT $1::text", params(std::string(8'000'000, 'x'))}};
    texts.insert(texts.end(), behind, {"SELECT 1"});
    Pipeline pipeline(*connection, texts);
    drive(pipeline, [] { return true; });
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    close(ends[1]);
    ASSERT_GE(dup3(ends[0], connection->fd(), O_CLOEXEC), 0);
    close(ends[0]);
    run(pipeline.operation);
    ASSERT_NE(pipeline.operation.error(), nullptr);
    EXPECT_FALSE(connection->alive());
    EXPECT_EQ(pipeline.operation.outcome(1), PipelineOutcome::unknown);
  }
}

TEST_F(LostPipeline, dropped_while_a_statement_runs_it_is_reset) {
  {
    Pipeline pipeline(*connection, inserts(20, 5, 10));
    drive(pipeline, [&] { return pipeline.order.size() == 5; });
  }
  EXPECT_FALSE(connection->protocol_idle());
  reset();
  EXPECT_EQ(execute(*observer, "SELECT count(*) FROM ran WHERE id < 5").text(), "5");
}

TEST_F(LostPipeline, dropped_while_the_socket_is_full_it_is_reset) {
  {
    Pipeline pipeline(*connection, inserts(100, 2, 500'000));
    drive(pipeline, [&] { return pipeline.order.size() == 2; });
    EXPECT_EQ(pipeline.operation.outcome(99), PipelineOutcome::never_sent);
  }
  reset();
}

TEST_F(LostPipeline, a_transaction_dropped_half_way_is_rolled_back) {
  {
    Pipeline pipeline(*connection, inserts(20, 5, 10), BeginFirst::yes);
    drive(pipeline, [] { return true; });
  }
  reset();
  EXPECT_EQ(execute(*observer, "SELECT count(*) FROM ran").text(), "0");
}

TEST_F(LostPipeline, what_a_dropped_statement_may_have_done_to_the_session_is_wiped) {
  {
    Pipeline pipeline(*connection, {{"SELECT pg_sleep(600)"}, {"SET work_mem = '1MB'"}, {"LISTEN x"}});
    drive(pipeline, [] { return true; });
  }
  EXPECT_TRUE(connection->session().changed());
  reset();
  EXPECT_NE(execute(*connection, "SHOW work_mem").text(), "1MB");
}

TEST_F(LostPipeline, dropped_at_any_step_no_answer_ever_belongs_to_another) {
  std::mt19937 random(11);  // NOLINT(cert-msc51-cpp): the same pipelines each time
  int tag = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<Text> texts;
    Strings expected;
    for (auto left = random() % 20 + 1; left > 0; --left) {
      expected.push_back(std::to_string(++tag));
      texts.push_back({"SELECT $1::int, 'text " + std::to_string(random() % 5) + "'", params(tag)});
    }
    {
      Pipeline pipeline(*connection, texts, random() % 4 == 0 ? BeginFirst::yes : BeginFirst::no);
      pq::Ready ready = pq::Ready::none;
      bool done = false;
      for (auto steps = random() % 8; steps > 0 && !done; --steps) {
        const pq::Step step = pipeline.operation.advance(ready);
        done = step.done || !wait_for(step, SteadyClock::now() + default_patience, ready);
      }
      ASSERT_EQ(pipeline.operation.error(), nullptr);
      for (const std::size_t i : pipeline.order) ASSERT_EQ(pipeline.told[i]->text(), expected[i]);
    }
    reset();
  }
}

}  // namespace
}  // namespace copg::test
