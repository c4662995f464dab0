#include "sim/engine/thread_caller.hpp"

#include <copg/pipeline.hpp>
#include <copg/transaction.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sync/call.hpp"

namespace copg::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

Duration choose_timeout(World& world) {
  constexpr std::array<Duration, 5> each = {milliseconds(0), milliseconds(5), milliseconds(100), seconds(1),
                                            seconds(30)};
  return each[world.choose(each.size())];
}

Deed choose_deed(World& world) {
  constexpr std::array<Deed, 8> each = {Deed::reads,  Deed::reads, Deed::reads,  Deed::reads,
                                        Deed::writes, Deed::waits, Deed::begins, Deed::litters};
  return each[world.choose(each.size())];
}

void throw_if_interrupted() {
  Thread* const thread = Thread::here();
  if (thread != nullptr && std::exchange(thread->interrupted, false)) throw Interrupted();
}

void ThreadCaller::begin() {
  thread_.run([this] {
    if (parts_.has(EnginePart::hooks) && world_.once_in(16)) return user_.use_what_was_kept();
    if (parts_.has(EnginePart::listeners) && world_.once_in(8)) return listen();
    const std::uint32_t what = world_.choose(32);
    if (what < 16) return statement();
    if (what < 20) return job();
    if (what < 30) return lease();
    if (what < 31 || !world_.once_in(8)) return wait_for_pool();
    close();
  });
}

void ThreadCaller::begin_close() {
  thread_.run([this] { close(); });
}

template <class Body>
bool ThreadCaller::attempt(std::uint32_t token, Duration limit, Body body) {
  const Judge::Case call{.token = token, .due = engine::after(world_.now, limit), .on_thread = true};
  bool succeeded = false;
  try {
    judge_.answered(call, body());
    succeeded = true;
  } catch (const Error& error) {
    judge_.failed(call, error);
  } catch (const Interrupted&) {
    judge_.digest(1);
  }
  judge_.ended(call);
  return succeeded;
}

void ThreadCaller::own_code() {
  in_own_code_ = true;
  Thread::pause();
  in_own_code_ = false;
}

void ThreadCaller::statement() {
  const Duration limit = choose_timeout(world_);
  const Sql sql(text_of(choose_deed(world_)));
  const std::uint32_t token = world_.new_token();
  attempt(token, limit, [&] {
    const Params parameters = params(std::to_string(token));
    return is_answer(
        sync::execute(engine_, sync::CallClock(limit), sql, parameters, engine::known_text(sql.text())),
        token);
  });
}

void ThreadCaller::job() {
  const Duration limit = choose_timeout(world_);
  const Sql sql(text_of(choose_deed(world_)));
  const std::uint32_t token = world_.new_token();
  attempt(token, limit, [&] {
    const Params parameters = params(std::to_string(token));
    return is_answer(sync::call(engine_, sync::CallClock(limit), SourceLocation::current(),
                                engine::ExecuteJob{sql.text(), parameters}),
                     token);
  });
}

// --- on a lease

void ThreadCaller::lease() {
  std::optional<Connection> connection;
  const Duration limit = choose_timeout(world_);
  attempt(0, limit, [&] {
    connection.emplace(pool_.connection(limit));
    return true;
  });
  if (!connection) return;
  for (std::uint32_t times = world_.choose(5); times > 0; --times) {
    own_code();
    connection->timeout(choose_timeout(world_));
    if (parts_.has(EnginePart::detached) && world_.once_in(4)) return use_detached(*connection);
    use(*connection);
  }
  own_code();
  if (world_.once_in(8)) connection->close();
}

/// As a lease, from the end of that on: no close of the pool reaches it.
void ThreadCaller::use_detached(Connection& connection) {
  std::optional<Connection> detached;
  attempt(0, Duration::zero(), [&] { return detached.emplace(connection.detach()), true; });
  if (!detached) return own_code();
  if (world_.once_in(4)) execute(connection, Deed::reads);  // which has no connection any more
  for (std::uint32_t times = world_.choose(4); times > 0; --times) {
    own_code();
    detached->timeout(choose_timeout(world_));
    use(*detached);
  }
  own_code();
  if (world_.once_in(4)) detached->close();
}

void ThreadCaller::use(Connection& connection) {
  const Duration limit = engine::duration_of(connection.timeout());
  switch (world_.choose(12)) {
    case 0: return use_in_transaction(connection, 2);
    case 1: return send_pipeline(connection);
    case 2: return copy(connection);
    case 3: return ask(connection);
    case 4: attempt(0, limit, [&] { return connection.autocommit(!connection.autocommit()), true; }); return;
    case 5: attempt(0, limit, [&] { return connection.rollback(), true; }); return;
    case 6: attempt(0, limit, [&] { return connection.commit(), true; }); return;
    default: return execute(connection, world_.once_in(6) ? Deed::ends : choose_deed(world_));
  }
}

void ThreadCaller::execute(Connection& connection, Deed deed) {
  const std::uint32_t token = world_.new_token();
  attempt(token, engine::duration_of(connection.timeout()),
          [&] { return is_answer(connection.execute(text_of(deed), std::to_string(token)), token); });
}

void ThreadCaller::use_in_transaction(Connection& connection, int depth) {
  attempt(0, pool::forever, [&] {
    Transaction transaction(connection);
    execute(connection, choose_deed(world_));
    own_code();
    if (depth > 0 && world_.once_in(3)) use_in_transaction(connection, depth - 1);
    if (world_.once_in(3)) transaction.rollback();
    if (transaction.active() && !world_.once_in(4)) transaction.commit();
    return true;
  });
}

void ThreadCaller::send_pipeline(Connection& connection) {
  Pipeline pipeline;
  std::vector<std::uint32_t> tokens;
  for (std::uint32_t i = 1 + world_.choose(3); i > 0; --i) {
    tokens.push_back(world_.new_token());
    pipeline.add(text_of(choose_deed(world_)), std::to_string(tokens.back()));
  }
  attempt(0, engine::duration_of(connection.timeout()), [&] {
    std::vector<PipelineAnswer> answers = connection.execute(pipeline);
    bool right = answers.size() == tokens.size();
    for (std::size_t i = 0; right && i < answers.size(); ++i)
      right = !answers[i] || is_answer(answers[i].value(), tokens[i]);
    return right;
  });
}

namespace {

/// The caller's own code, which runs inside an operation: others may go first, and now and then it throws.
struct Own {
  World& world;
  int left = static_cast<int>(world.choose(3));

  bool more() {
    Thread::pause();
    if (world.once_in(16)) throw Interrupted();
    return left-- > 0;
  }
};

class OwnSource final : public CopySource, public Own {
 public:
  explicit OwnSource(World& of) : Own{of} {}
  std::string_view next() override { return more() ? "1\n" : ""; }
};

class OwnSink final : public CopySink, public Own {
 public:
  explicit OwnSink(World& of) : Own{of} {}
  void take(std::string_view /*piece*/) override { more(); }
};

class OwnRows final : public RowSource, public Own {
 public:
  explicit OwnRows(World& of) : Own{of} {}
  bool next(Params& row) override {
    if (!more()) return false;
    row.add(1);
    return true;
  }
};

}  // namespace

void ThreadCaller::copy(Connection& connection) {
  const std::uint32_t token = world_.new_token();
  const std::string number = std::to_string(token);
  attempt(token, engine::duration_of(connection.timeout()), [&] {
    switch (world_.choose(3)) {
      case 0: {
        OwnSource source(world_);
        connection.copy_in("COPY t FROM STDIN -- " + number, source);
        break;
      }
      case 1: {
        OwnSink sink(world_);
        connection.copy_out("COPY t TO STDOUT -- " + number, sink);
        break;
      }
      default: {
        OwnRows rows(world_);
        connection.execute_many("INSERT INTO t VALUES ($1) -- " + number, rows);
      }
    }
    return true;
  });
}

void ThreadCaller::ask(const Connection& connection) {
  attempt(0, Duration::zero(), [&] {
    static_cast<void>(connection.closed());
    static_cast<void>(connection.transaction_status());
    static_cast<void>(connection.backend_pid());
    return true;
  });
}

// --- listeners

void ThreadCaller::listen() {
  Ear ear;
  std::shared_ptr<engine::OpenListener> listener;
  const Duration limit = choose_timeout(world_);
  const std::vector<std::string> channels = choose_channels(world_);
  for (const std::string& channel : channels) ear.wants(channel);
  attempt(0, limit, [&] {
    listener = sync::listen(engine_, channels, choose_queue(world_), limit);
    return ear.ready(), true;
  });
  if (!listener) return;
  for (std::uint32_t times = world_.choose(12); times > 0; --times) {
    own_code();
    use_ear(*listener, ear);
  }
  own_code();
}

void ThreadCaller::use_ear(engine::OpenListener& listener, Ear& ear) {
  const Duration limit = choose_timeout(world_);
  const std::string channel = all_channels[world_.choose(all_channels.size())];
  const bool wanted = ear.wants_now(channel);
  switch (world_.choose(16)) {
    case 0: return listener.close();
    case 1:
    case 2:
      if (!wanted) return;
      ear.leaves(channel);
      if (attempt(0, Duration::zero(), [&] { return listener.remove({channel}), true; })) ear.left(channel);
      return;
    case 3:
    case 4:
      if (wanted) return;
      ear.wants(channel);
      if (!attempt(0, limit,
                   [&] { return sync::add_channels(listener, {channel}, limit), ear.ready(), true; }))
        ear.left(channel);
      return;
    default:
      attempt(0, limit, [&] {
        if (const auto arrival = sync::next_arrival(listener, engine::after(engine::now(), limit)))
          ear.hear(*arrival);
        return true;
      });
  }
}

// --- the pool as a whole

void ThreadCaller::wait_for_pool() {
  const Duration limit = choose_timeout(world_);
  const auto milestone = world_.once_in(2) ? engine::Milestone::full : engine::Milestone::checked;
  attempt(0, limit,
          [&] { return sync::wait_for(engine_, milestone, engine::after(engine::now(), limit)), true; });
}

void ThreadCaller::close() {
  closing_ = true;
  const Duration patience = world_.once_in(2) ? Duration::zero() : Duration(milliseconds(5));
  if (world_.once_in(2)) return engine_.close(patience);
  attempt(0, pool::forever, [&] {
    engine_.start_close(patience);
    return sync::finish_close(engine_, patience + engine::close_grace), true;
  });
}

}  // namespace copg::sim
