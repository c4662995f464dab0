#include <copg/connection.hpp>
#include <copg/error.hpp>
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
  if (connection.transactions_ == 0) connection.beginning_.reset();
  if (savepoint_ > 0) connection.execute(engine::begin_savepoint(savepoint_));
  ++connection.transactions_;
}

Transaction::Transaction(Connection& connection, const TransactionOptions& options)
    : connection_(connection), savepoint_(detail::LeaseAccess::transactions(connection).next_savepoint([&] {
        return connection.transaction_status();
      })) {
  if (savepoint_ == 0) {
    connection.beginning_ = engine::beginning_with(options, connection.engine_->options().resolve_commits);
  } else {
    options_ = std::make_unique<engine::SavepointOptions>(options);
    if (connection.transactions_ == 0) connection.beginning_.reset();
    if (options_->empty()) {
      connection.execute(engine::begin_savepoint(savepoint_));
      options_.reset();
    } else {
      begin_with_options();
    }
  }
  ++connection.transactions_;
}

void Transaction::begin_with_options() {
  const std::vector<PipelineAnswer> answers = connection_.execute(options_->begin(savepoint_));
  try {
    options_->begun(answers);
  } catch (...) {  // so that the transaction around it can go on
    if (answers.front().has_value()) {
      try {
        connection_.execute(engine::end_savepoint(savepoint_, false));
      } catch (...) {  // giving the connection back cleans it
      }
    }
    throw;
  }
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
      if (options_) {
        engine::require_success(connection_.execute(options_->release(savepoint_)));
      } else {
        connection_.execute(engine::end_savepoint(savepoint_, true));
      }
    } catch (...) {  // so that the transaction around it can go on
      undo();
      throw;
    }
  }
  end();
  if (savepoint_ > 0) return;
  try {
    connection_.commit();
  } catch (const QueryTimeout&) {
    connection_.give_back_unended();
    throw;
  }
}

void Transaction::rollback() {
  require_active(active_);
  end();
  try {
    if (savepoint_ > 0) {
      connection_.execute(engine::end_savepoint(savepoint_, false));
    } else {
      connection_.rollback();
    }
  } catch (const QueryTimeout&) {
    connection_.give_back_unended();
    throw;
  }
}

void Transaction::end() noexcept {
  active_ = false;
  connection_.transactions_ = detail::LeaseAccess::transactions(connection_).depth_after(savepoint_);
}

}  // namespace copg
