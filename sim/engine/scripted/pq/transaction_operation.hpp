// Not simulated: the simulation's transactions are statements.
#pragma once

#include "pq/transaction_command.hpp"
#include "pq/unsimulated.hpp"

namespace copg::pq {
inline namespace scripted {

class TransactionOperation final : public Unsimulated {
 public:
  TransactionOperation(Connection& /*connection*/, TransactionCommand /*command*/) : Unsimulated("COMMIT") {}
};

}  // namespace scripted
}  // namespace copg::pq
