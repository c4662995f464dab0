#include <copg/connection.hpp>
#include <copg/transaction.hpp>

#include "engine/calls/inspect.hpp"
#include "engine/calls/transaction_stack.hpp"

namespace copg {

namespace {

void require_active(bool active) {
  if (!active) throw UsageError("this transaction has ended already");
}

}  // namespace

Transaction::Transaction(Connection& connection)
    : connection_(connection), savepoint_(detail::LeaseAccess::transactions(connection).next_savepoint([&] {
        return connection.transaction_status();
      })) {
  if (savepoint_ > 0) connection.execute(engine::begin_savepoint(savepoint_));
  ++connection.transactions_;
}

Transaction::~Transaction() {
  if (active_) undo();
}

void Transaction::undo() noexcept {
  try {
    rollback();
  } catch (...) {  // giving the connection back cleans it
  }
}

void Transaction::commit() {
  require_active(active_);
  if (savepoint_ > 0) {
    try {
      connection_.execute(engine::end_savepoint(savepoint_, true));
    } catch (...) {  // so that the transaction around it can go on
      undo();
      throw;
    }
  }
  end();
  if (savepoint_ == 0) connection_.commit();
}

void Transaction::rollback() {
  require_active(active_);
  end();
  if (savepoint_ > 0) {
    connection_.execute(engine::end_savepoint(savepoint_, false));
  } else {
    connection_.rollback();
  }
}

void Transaction::end() noexcept {
  active_ = false;
  connection_.transactions_ = detail::LeaseAccess::transactions(connection_).depth_after(savepoint_);
}

}  // namespace copg
