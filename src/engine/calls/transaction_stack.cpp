#include "engine/calls/transaction_stack.hpp"

#include <algorithm>

namespace copg::engine {

namespace {

std::string savepoint_name(int savepoint) { return "copg_" + std::to_string(savepoint); }

}  // namespace

int TransactionStack::depth_after(int savepoint) const noexcept {
  return std::min(depth, std::max(savepoint - 1, 0));
}

std::string begin_savepoint(int savepoint) { return "SAVEPOINT " + savepoint_name(savepoint); }

std::string end_savepoint(int savepoint, bool commit) {
  const std::string name = savepoint_name(savepoint);
  return commit ? "RELEASE SAVEPOINT " + name
                : "ROLLBACK TO SAVEPOINT " + name + "; RELEASE SAVEPOINT " + name;
}

}  // namespace copg::engine
