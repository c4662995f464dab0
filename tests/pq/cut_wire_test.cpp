// Every operation against a wire that is cut at every byte of the server's answers, and against a server that
// speaks one byte at a time: it ends, with a result or an error that says what is lost, and never hangs.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pq/copy_in_operation.hpp"
#include "pq/copy_out_operation.hpp"
#include "pq/execute_many_operation.hpp"
#include "pq/transaction_operation.hpp"
#include "session.hpp"
#include "support/scripted_server.hpp"

namespace copg::test {
namespace {

using pq::BeginFirst;
using pq::Connection;

/// What one conversation came to.
struct End {
  std::optional<ErrorInfo> connect_error;
  std::optional<ErrorInfo> error;  // of the first operation that failed
  bool alive = false;
};

End end_of(pq::Operation& operation, Connection& connection) {
  run(operation);
  End end;
  if (operation.error() != nullptr) end.error = *operation.take_error();
  end.alive = connection.alive();
  return end;
}

using Talk = std::function<End(Connection&)>;

End converse(const SocketFolder& folder, const Talk& talk) {
  pq::ConnectOperation connecting({.keywords = {{"host", folder.host()},
                                                {"port", SocketFolder::port()},
                                                {"user", "postgres"},
                                                {"dbname", "postgres"}}});
  run(connecting);
  if (connecting.error() != nullptr) {
    EXPECT_EQ(connecting.failure(), pq::ConnectFailureKind::refused_near) << connecting.error()->message;
    return {.connect_error = *connecting.take_error(), .error = {}, .alive = false};
  }
  const auto connection = connecting.take_connection();
  return talk(*connection);
}

class FewRows final : public RowSource {
 public:
  bool next(Params& row) override {
    if (at_ == 5) return false;
    row.add(++at_);
    return true;
  }

 private:
  int at_ = 0;
};

class NoSink final : public CopySink {
 public:
  void take(std::string_view /*piece*/) override {}
};

class OneLine final : public CopySource {
 public:
  std::string_view next() override { return std::exchange(given_, true) ? "" : "1\n"; }

 private:
  bool given_ = false;
};

End execute_all(Connection& connection, const std::vector<std::string>& texts,
                BeginFirst begin = BeginFirst::no) {
  End end;
  for (const std::string& sql : texts) {
    const Params none;
    pq::ExecuteOperation operation(connection, sql, none, begin);
    end = end_of(operation, connection);
    begin = BeginFirst::no;
    if (end.error && !end.alive) return end;
  }
  return end;
}

struct Scene {
  std::string name;
  Talk talk;
  ErrorKind when_lost = ErrorKind::connection_failed;  // in the operation that the cut hits last
};

std::vector<Scene> scenes() {
  const std::string rows = "SELECT g, 'row ' || g FROM generate_series(1, 5) g";
  return {
      {"unnamed", [=](Connection& c) { return execute_all(c, {rows}); }},
      {"parsed_then_named",
       [=](Connection& c) {
         return execute_all(c, {rows, rows, rows});
       }},
      {"several", [=](Connection& c) { return execute_all(c, {"SELECT 1; SELECT 2; SELECT 3"}); }},
      {"begin", [=](Connection& c) { return execute_all(c, {rows}, BeginFirst::yes); }},
      {"server_error",
       [=](Connection& c) {
         return execute_all(c, {"SELECT 1/0", "SELECT 1/0", "SELECT 1/0"});
       }},
      {"copy_out",
       [](Connection& c) {
         NoSink sink;
         pq::CopyOutOperation operation(c, "COPY (SELECT 1) TO STDOUT", sink);
         return end_of(operation, c);
       }},
      {"copy_in",
       [](Connection& c) {
         const End made = execute_all(c, {"CREATE TEMP TABLE x (a int)"});
         if (made.error) return made;
         OneLine line;
         pq::CopyInOperation operation(c, "COPY x FROM STDIN", line);
         return end_of(operation, c);
       }},
      {"notice", [=](Connection& c) { return execute_all(c, {"DO $$ BEGIN RAISE NOTICE 'hello'; END $$"}); }},
      {"execute_many",
       [](Connection& c) {
         FewRows source;
         pq::ExecuteManyOperation operation(c, "SELECT $1::int", source);
         return end_of(operation, c);
       },
       ErrorKind::commit_unknown},
      {"execute_many_error",
       [](Connection& c) {
         FewRows source;
         pq::ExecuteManyOperation operation(c, "SELECT 1/($1::int - 3)", source);
         return end_of(operation, c);
       },
       ErrorKind::commit_unknown},
      {"commit",
       [](Connection& c) {
         const End begun = execute_all(c, {"SELECT 1"}, BeginFirst::yes);
         if (begun.error) return begun;
         pq::TransactionOperation operation(c, pq::TransactionCommand::commit);
         return end_of(operation, c);
       },
       ErrorKind::commit_unknown},
  };
}

class CutWire : public ::testing::TestWithParam<Scene> {
 protected:
  CutWire() {
    transcript = record(server().socket_folder() / (".s.PGSQL." + std::to_string(server().port())),
                        [&](const SocketFolder& folder) { whole = converse(folder, GetParam().talk); });
  }

  void expect_as_recorded(const End& end) const {
    ASSERT_FALSE(end.connect_error) << end.connect_error->message;
    EXPECT_TRUE(end.alive);
    ASSERT_EQ(end.error.has_value(), whole.error.has_value());
    if (end.error) {
      EXPECT_EQ(end.error->message, whole.error->message);
      EXPECT_EQ(end.error->row_index, whole.error->row_index);
    }
  }

  Transcript transcript;
  End whole;
};

TEST_P(CutWire, the_whole_script_gives_what_the_real_server_gave) {
  const SocketFolder folder;
  const ScriptedServer script(folder, transcript, ScriptedServer::no_cut, ScriptedServer::Pace::whole);
  expect_as_recorded(converse(folder, GetParam().talk));
}

TEST_P(CutWire, a_server_that_speaks_one_byte_at_a_time_is_understood) {
  const SocketFolder folder;
  const ScriptedServer script(folder, transcript, ScriptedServer::no_cut, ScriptedServer::Pace::byte_by_byte);
  expect_as_recorded(converse(folder, GetParam().talk));
}

TEST_P(CutWire, cut_at_any_byte_the_operation_ends_and_the_connection_is_known_to_be_dead) {
  const std::size_t size = bytes_said(transcript);
  ASSERT_GT(size, 300U);
  const SocketFolder folder;
  for (std::size_t cut = 0; cut < size; ++cut) {
    const ScriptedServer script(folder, transcript, cut, ScriptedServer::Pace::whole);
    const End end = converse(folder, GetParam().talk);
    if (end.connect_error) {
      EXPECT_EQ(end.connect_error->kind, ErrorKind::connection_failed);
      continue;
    }
    EXPECT_FALSE(end.alive) << "cut after " << cut << " of " << size;
    // COMMIT is done when it is answered, though the ReadyForQuery behind it never comes.
    if (!end.error && GetParam().name == "commit") continue;
    ASSERT_TRUE(end.error) << "cut after " << cut << " of " << size;
    EXPECT_FALSE(end.error->connection_survives);
    EXPECT_TRUE(end.error->kind == ErrorKind::connection_failed || end.error->kind == GetParam().when_lost)
        << "cut after " << cut << ": " << end.error->message;
  }
}

TEST_P(CutWire, cut_before_the_last_byte_of_the_last_answer_nothing_passes_for_a_success) {
  const SocketFolder folder;
  const ScriptedServer script(folder, transcript, bytes_said(transcript) - transcript.back().said.size(),
                              ScriptedServer::Pace::whole);
  const End end = converse(folder, GetParam().talk);
  ASSERT_TRUE(end.error);
  EXPECT_EQ(end.error->kind, GetParam().when_lost) << end.error->message;
  EXPECT_FALSE(end.error->connection_survives);
}

INSTANTIATE_TEST_SUITE_P(EachScene, CutWire, ::testing::ValuesIn(scenes()),
                         [](const auto& scene) { return scene.param.name; });

}  // namespace
}  // namespace copg::test
