#include "sim/engine/judge.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "engine/clock.hpp"

namespace copg::sim {

void Judge::ended(const Case& call) {
  digest(call.token);
  if (recovering_ && world_.now > engine::after(std::max(call.due, recovery_began_), std::chrono::seconds(1)))
    world_.breaks("deadline", "a call has ended more than a second after its deadline");
}

void Judge::answered(const Case& call, bool right) {
  if (!right) world_.breaks("answer", "a call was given the answer of another");
  if (call.token != 0 && world_.times_executed(call.token) != 1)
    world_.breaks("once", "a call was given an answer, and its statement was not executed");
}

void Judge::failed(const Case& call, const Error& error) {
  digest(static_cast<std::uint64_t>(error.kind()));
  const bool executed = call.token != 0 && world_.times_executed(call.token) > 0;
  const bool before = error.kind() == ErrorKind::pool_timeout || error.kind() == ErrorKind::pool_deadlock ||
                      error.kind() == ErrorKind::too_many_requests ||
                      error.kind() == ErrorKind::configuration ||
                      (error.kind() == ErrorKind::usage && call.on_thread);
  if (before && executed)
    world_.breaks("effect", std::string("a statement was executed, and its call says: ") + error.what());
  if (!world_.configures && std::string_view(error.what()).find("configure") != std::string_view::npos)
    world_.breaks("reason", std::string("no connection was lent, and a call says: ") + error.what());
  const bool cancelled = error.kind() == ErrorKind::usage && !call.was_cancelled;
  if (cancelled && call.asked_for_no_effect && executed)
    world_.breaks(
        "effect",
        std::string("the statement of a call that asked for no effect was sent, and the call says: ") +
            error.what());
}

}  // namespace copg::sim
