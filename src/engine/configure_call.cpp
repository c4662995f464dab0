#include "engine/configure_call.hpp"

#include <stdexcept>
#include <utility>

#include "engine/mends.hpp"
#include "engine/pool_engine.hpp"
#include "pq/cancel_operation.hpp"

namespace copg::engine {

namespace {

/// The engine, which keeps the loan too: for as long as somebody has the connection, moved away or not.
template <class Loan>
std::shared_ptr<PoolEngine> keeping(const std::shared_ptr<PoolEngine>& engine,
                                    const std::shared_ptr<Loan>& loan) {
  const auto both =
      std::make_shared<std::pair<std::shared_ptr<PoolEngine>, std::shared_ptr<Loan>>>(engine, loan);
  return {both, engine.get()};
}

const char* option_of(detail::Hook hook) noexcept {
  switch (hook) {
    case detail::Hook::configure: return "configure";
    case detail::Hook::on_return: return "on_return";
    case detail::Hook::before_close: return "before_close";
  }
  return "";
}

}  // namespace

std::shared_ptr<ConfigureCall::Loan> ConfigureCall::lend(Lent lent) {
  auto loan = std::make_shared<Loan>();
  lent.connection->lease_begins();
  loan->slot.connection = std::move(lent.connection);
  loan->slot.opening = lent.opening;
  // Not fresh: a connection that is found dead must not be exchanged for another, which nobody configures.
  loan->lease = {
      .slot = &loan->slot, .process = ForkGuard::generation(), .fresh = !stands(Mend::loan_that_died)};
  return loan;
}

ConfigureCall::ConfigureCall(const std::shared_ptr<PoolEngine>& engine, detail::Configure* configure,
                             detail::Hook hook, Lent lent, std::shared_ptr<UnreturnedCalls> unreturned)
    : ConfigureCall(engine, configure, hook, lend(std::move(lent)), std::move(unreturned)) {}

ConfigureCall::ConfigureCall(const std::shared_ptr<PoolEngine>& engine, detail::Configure* configure,
                             detail::Hook hook, std::shared_ptr<Loan> loan,
                             std::shared_ptr<UnreturnedCalls> unreturned)
    : UserCall(
          option_of(hook),
          [engine, configure, hook, loan] {
            configure(engine->options(), hook, keeping(engine, loan), loan->lease);
            if (!loan->lease) throw std::runtime_error("it has closed the connection, or kept it");
          },
          std::move(unreturned)),
      hook_(hook),
      loan_(std::move(loan)) {}

ConfigureCall::~ConfigureCall() {
  // A caller that is inside closes it: see Leases::close_cut_off.
  if (!loan_->slot.latch.cut()) return;
  pq::Connection* const connection = loan_->slot.connection.get();
  if (connection != nullptr && connection->alive() && !connection->protocol_idle())
    pq::cancel_and_forget(*connection);
  loan_->slot.close_connection();
}

pq::Step ConfigureCall::finish() {
  if (!loan_->slot.latch.cut()) return fail(failed("the connection was still in use when it returned"));
  loan_->slot.socket_waiter.close();
  std::unique_ptr<pq::Connection> connection = std::move(loan_->slot.connection);
  if (!connection->alive()) return fail(failed("the connection was lost"));
  if (!connection->protocol_idle()) {
    pq::cancel_and_forget(*connection);
    return fail(failed("it has left a statement unfinished"));
  }
  if (connection->in_transaction()) {
    return fail(failed("it has left a transaction open: commit, or roll back"));
  }
  if (hook_ == detail::Hook::configure) connection->configured();
  connection_ = std::move(connection);
  return pq::Step::finished();
}

}  // namespace copg::engine
