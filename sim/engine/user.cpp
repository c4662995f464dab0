#include "sim/engine/user.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include "sim/engine/callers.hpp"
#include "sim/engine/thread.hpp"
#include "sim/engine/thread_caller.hpp"

namespace copg::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void User::give(PoolOptions& options) {
  world_.configures = world_.once_in(2);
  world_.hears_of_returns = world_.once_in(2);
  world_.asks_for_password = world_.once_in(2);
  if (world_.configures) options.configure = [this](Connection& it) { configure(it); };
  if (world_.hears_of_returns) options.on_return = [this](Connection& it) { on_return(it); };
  if (world_.once_in(2)) options.before_close = [this](Connection& it) { before_close(it); };
  if (world_.asks_for_password) options.credentials = [this] { return credentials(); };
  if (world_.once_in(2)) options.credentials_ttl = seconds(1);
}

void User::configure(Connection& connection) {
  if (world_.once_in(4)) take_long();
  execute(connection, Deed::configures);
  if (world_.once_in(4)) execute(connection, Deed::litters);  // that is how it is to be from now on
  misbehave(connection);
}

void User::on_return(Connection& connection) {
  Session* const session = world_.session_of(connection.backend_pid());
  if (session != nullptr) session->leased = false;
  if (world_.once_in(4)) execute(connection, Deed::litters);
  misbehave(connection);
}

void User::before_close(Connection& connection) {
  Session* const session = world_.session_of(connection.backend_pid());
  if (session != nullptr && std::exchange(session->told_of_close, true))
    world_.breaks("hooks", "before_close was called twice for a connection");
  misbehave(connection);
}

Credentials User::credentials() {
  if (!well_ && world_.once_in(16)) throw std::runtime_error("no password today");
  if (!well_ && world_.once_in(16)) take_long();
  return {.password = std::to_string(world_.password)};
}

void User::misbehave(Connection& connection) {
  if (well_) return execute(connection, Deed::reads);
  switch (world_.choose(24)) {
    case 0: throw std::runtime_error("the user's function has failed");
    case 1: take_long(); return execute(connection, Deed::reads);
    case 2: return execute(connection, Deed::begins);
    case 3: kept_.push_back(std::move(connection)); return;
    case 4: connection.close(); return;
    case 5: connection.timeout(milliseconds(5)); return execute(connection, Deed::waits);
    case 6: throw 1;  // NOLINT(hicpp-exception-baseclass): some do
    default: return execute(connection, Deed::reads);
  }
}

/// Longer than connect_timeout, more often than not; also longer than the pool lives.
void User::take_long() {
  if (Thread::here() == nullptr) return;
  constexpr bool never = false;
  Thread::wait(never, world_.now + milliseconds(world_.choose(6000)));
}

void User::execute(Connection& connection, Deed deed) {
  const std::uint32_t token = world_.new_token();
  if (!is_answer(connection.execute(text_of(deed), std::to_string(token)), token))
    world_.breaks("answer", "a function of the user's was given the answer of another");
}

void User::use_what_was_kept() {
  if (kept_.empty()) return;
  Connection connection = std::move(kept_.back());
  kept_.pop_back();
  try {
    execute(connection, Deed::reads);
  } catch (const Error& error) {
    judge_.digest(static_cast<std::uint64_t>(error.kind()));
  } catch (const Interrupted&) {
    judge_.digest(1);
  }
  if (world_.once_in(2)) connection.close();
}

void User::leave_behind() {
  static auto& parents = *new std::vector<Connection>;  // never destroyed
  std::ranges::move(kept_, std::back_inserter(parents));
  kept_.clear();
}

}  // namespace copg::sim
