#include <copg/connection.hpp>
#include <copg/transaction.hpp>

#include "engine/lease_state.hpp"

namespace copg {

namespace {

void require_active(bool active) {
  if (!active) throw UsageError("this transaction has ended already");
}

}  // namespace

Transaction::Transaction(Connection& connection) : connection_(connection) {
  if (connection.transactions_ > 0 || connection.transaction_status() != TransactionStatus::idle) {
    savepoint_ = connection.transactions_ + 1;
    connection.execute(engine::begin_savepoint(savepoint_));
  }
  ++connection.transactions_;
}

Transaction::~Transaction() {
  if (active_) undo();
}

void Transaction::undo() noexcept {
  try {
    rollback();
  } catch (...) {  // the connection is cleaned when it is given back
  }
}

void Transaction::commit() {
  require_active(active_);
  if (savepoint_ > 0) {
    try {
      connection_.execute(engine::end_savepoint(savepoint_, true));
    } catch (...) {  // the one around it can go on
      undo();
      throw;
    }
  }
  active_ = false;
  --connection_.transactions_;
  if (savepoint_ == 0) connection_.commit();
}

void Transaction::rollback() {
  require_active(active_);
  active_ = false;
  --connection_.transactions_;
  if (savepoint_ > 0) {
    connection_.execute(engine::end_savepoint(savepoint_, false));
  } else {
    connection_.rollback();
  }
}

}  // namespace copg
