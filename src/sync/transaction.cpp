#include <copg/connection.hpp>
#include <copg/transaction.hpp>

#include <string>

namespace copg {

namespace {

std::string name_of(int savepoint) { return "copg_" + std::to_string(savepoint); }

void require_active(bool active) {
  if (!active) throw UsageError("this transaction has ended already");
}

}  // namespace

Transaction::Transaction(Connection& connection) : connection_(connection) {
  if (connection.transactions_ > 0 || connection.transaction_status() != TransactionStatus::idle) {
    savepoint_ = connection.transactions_ + 1;
    connection.execute("SAVEPOINT " + name_of(savepoint_));
  }
  ++connection.transactions_;
}

Transaction::~Transaction() {
  if (!active_) return;
  try {
    rollback();
  } catch (...) {  // the connection is cleaned when it is given back
  }
}

void Transaction::commit() {
  require_active(active_);
  active_ = false;
  --connection_.transactions_;
  if (savepoint_ > 0) {
    connection_.execute("RELEASE SAVEPOINT " + name_of(savepoint_));
  } else {
    connection_.commit();
  }
}

void Transaction::rollback() {
  require_active(active_);
  active_ = false;
  --connection_.transactions_;
  if (savepoint_ > 0) {
    const std::string name = name_of(savepoint_);
    connection_.execute("ROLLBACK TO SAVEPOINT " + name + "; RELEASE SAVEPOINT " + name);
  } else {
    connection_.rollback();
  }
}

}  // namespace copg
