#include <copg/async_connection.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "async/calls.hpp"
#include "async/completion.hpp"
#include "async/copy_begin.hpp"
#include "async/kept.hpp"
#include "async/lease_state.hpp"
#include "engine/calls/inspect.hpp"

namespace copg {

namespace asio = boost::asio;

AsyncConnection::AsyncConnection() noexcept = default;

AsyncConnection::AsyncConnection(std::shared_ptr<async::LeaseState> state) noexcept
    : loop_(state->loop), state_(std::move(state)) {}

AsyncConnection::AsyncConnection(AsyncConnection&& other) noexcept
    : loop_(other.loop_), state_(std::move(other.state_)) {}

AsyncConnection& AsyncConnection::operator=(AsyncConnection&& other) noexcept {
  if (this == &other) return *this;
  release();
  loop_ = other.loop_;
  state_ = std::move(other.state_);
  return *this;
}

AsyncConnection::~AsyncConnection() { release(); }

void AsyncConnection::release() noexcept {
  if (!state_) return;
  state_->abort();
  state_.reset();
}

void AsyncConnection::close() noexcept {
  if (!state_) return;
  state_->discard_at_end = true;
  release();
}

bool AsyncConnection::closed() const noexcept {
  return !state_ || !state_->lease || state_->loop->engine().leases().lost(state_->lease);
}

void AsyncConnection::require_lease() const {
  if (!state_) throw UsageError("this connection was given back already: take another from the pool");
}

async::LeaseState& AsyncConnection::state() const {
  require_lease();
  return *state_;
}

AsyncConnection AsyncConnection::detach() {
  async::LeaseState& lease = state();
  if (lease.open.depth > 0) throw UsageError("detach() inside a transaction() block: leave the block first");
  engine::PoolEngine& pool = loop_->engine();
  const bool on_pools_thread = pool.has_own_thread() && pool.executor() == loop_->executor();
  engine::Lease own;
  std::shared_ptr<engine::PoolEngine> engine = pool.detach(lease.lease, own);
  lease.host.reset();
  auto loop = async::Loop::make(engine->shared_from_this(),
                                on_pools_thread ? asio::any_io_executor() : loop_->executor());
  auto detached = std::make_shared<async::LeaseState>(std::move(loop), own, lease.timeout, pool::never);
  detached->closes = std::move(engine);
  detached->open.autocommit = lease.open.autocommit;
  return AsyncConnection(std::move(detached));
}

AsyncConnection::executor_type AsyncConnection::get_executor() const { return state().loop->executor(); }

void AsyncConnection::start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request,
                            std::optional<Deadline> deadline) {
  pq::DescribeFirst first;
  try {
    if (request->shape() != nullptr)
      first = async::describe_first(loop_->engine(), *request, engine::known_text(request->sql()));
  } catch (...) {
    return async::complete_now(loop_->executor(), std::move(handler), std::current_exception(), Result());
  }
  async::start_on(*loop_, state_, deadline, async::KeptStatement{std::move(request), first},
                  std::move(handler));
}

void AsyncConnection::start(detail::Handler<std::int64_t> handler, detail::ManyRequest request,
                            std::optional<Deadline> deadline) {
  if (!request.rows)
    return async::complete_now(loop_->executor(), std::move(handler), nullptr, std::int64_t{0});
  async::start_on(*loop_, state_, deadline,
                  async::KeptRows{std::move(request), loop_->engine().joinable_texts()}, std::move(handler));
}

void AsyncConnection::start(detail::Handler<std::vector<Result>> handler, detail::ReturningRequest request,
                            std::optional<Deadline> deadline) {
  if (!request.many.rows)
    return async::complete_now(loop_->executor(), std::move(handler), nullptr, std::vector<Result>());
  async::start_on(*loop_, state_, deadline,
                  async::KeptReturning{{std::move(request.many), loop_->engine().joinable_texts()}},
                  std::move(handler));
}

void AsyncConnection::start(detail::Handler<std::int64_t> handler, detail::CopyRequest request,
                            std::optional<Deadline> deadline) {
  if (request.sink != nullptr)
    return async::start_on(*loop_, state_, deadline, async::KeptCopyOut{std::move(request)},
                           std::move(handler));
  async::start_on(*loop_, state_, deadline, async::KeptCopyIn{std::move(request)}, std::move(handler));
}

void AsyncConnection::start_copy(detail::Handler<AsyncCopy> handler, std::string sql,
                                 std::optional<Deadline> deadline) {
  async::CopyBegin begin{loop_, state_, std::make_shared<pq::KeptCopy>(std::move(sql)), deadline};
  async::start_on(*loop_, state_, deadline, std::move(begin), std::move(handler));
}

void AsyncConnection::start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline,
                            std::optional<Deadline> deadline) {
  if (pipeline.empty())
    return async::complete_now(loop_->executor(), std::move(handler), nullptr, std::vector<Result>());
  async::start_on(*loop_, state_, deadline, engine::KeptAll(std::move(pipeline)), std::move(handler));
}

void AsyncConnection::start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline,
                            std::optional<Deadline> deadline) {
  if (pipeline.empty()) {
    return async::complete_now(loop_->executor(), std::move(handler), nullptr, std::vector<PipelineAnswer>());
  }
  async::start_on(*loop_, state_, deadline, engine::KeptPipeline(std::move(pipeline)), std::move(handler));
}

AsyncRowStream AsyncConnection::stream_of(std::shared_ptr<const detail::Request> statement,
                                          std::optional<Deadline> deadline) const {
  require_lease();
  return {loop_, state_, std::move(statement), deadline};
}

void AsyncConnection::start_end(detail::Handler<> handler, bool commit, std::optional<Deadline> deadline) {
  bool nothing_to_end = false;
  std::exception_ptr error;
  try {
    nothing_to_end = engine::inspect(loop_->engine(), state().lease, engine::nothing_to_end);
  } catch (...) {
    error = std::current_exception();
  }
  if (error || nothing_to_end) {
    return async::complete_now(loop_->executor(), std::move(handler), std::move(error));
  }
  async::start_on(*loop_, state_, deadline,
                  engine::EndJob{commit ? pq::TransactionCommand::commit : pq::TransactionCommand::rollback},
                  std::move(handler));
}

asio::awaitable<int> AsyncConnection::begin_transaction(std::unique_ptr<const TransactionOptions> options) {
  async::LeaseState& lease = state();
  const int savepoint = lease.open.next_savepoint([this] { return transaction_status(); });
  if (lease.open.depth == 0) lease.begin_with(savepoint == 0 ? options.get() : nullptr);
  if (savepoint > 0) {
    lease.savepoints.erase(savepoint);  // of one that ended with the transaction around it
    if (options) {
      co_await begin_savepoint(savepoint, engine::SavepointOptions(*options));
    } else {
      co_await execute(engine::begin_savepoint(savepoint));
    }
  }
  ++state().open.depth;
  co_return savepoint;
}

asio::awaitable<int> AsyncConnection::begin_savepoint(int savepoint, engine::SavepointOptions options) {
  const std::vector<PipelineAnswer> answers = co_await execute(options.begin(savepoint));
  std::exception_ptr error;
  try {
    options.begun(answers);
  } catch (...) {
    error = std::current_exception();
  }
  if (!error) {
    state().savepoints.insert_or_assign(savepoint, std::move(options));
    co_return savepoint;
  }
  if (answers.front().has_value()) {
    try {  // so that the transaction around it can go on
      co_await execute(engine::end_savepoint(savepoint, false));
    } catch (...) {  // giving the connection back cleans it
    }
  }
  std::rethrow_exception(error);
}

asio::awaitable<void> AsyncConnection::end_transaction(int savepoint, bool commit) {
  async::LeaseState& lease = state();
  lease.open.depth = lease.open.depth_after(savepoint);
  if (savepoint == 0) {
    if (commit) {
      co_await this->commit();
    } else {
      co_await rollback();
    }
    co_return;
  }
  const auto options = lease.savepoints.extract(savepoint);
  if (commit && !options.empty()) {
    engine::require_success(co_await execute(options.mapped().release(savepoint)));
  } else {
    co_await execute(engine::end_savepoint(savepoint, commit));
  }
}

asio::awaitable<void> AsyncConnection::undo_transaction(int savepoint) {
  try {
    co_await end_transaction(savepoint, false);
  } catch (const QueryTimeout&) {
    give_back_unended();
  } catch (...) {  // giving the connection back cleans it
  }
}

void AsyncConnection::give_back_unended() noexcept {
  try {
    const TransactionStatus status = transaction_status();
    if (status == TransactionStatus::in_transaction || status == TransactionStatus::failed) release();
  } catch (...) {  // it was given back, or cut off
  }
}

void AsyncConnection::autocommit(bool on) {
  engine::TransactionStack& transactions = state().open;
  transactions.require_autocommit_change<UsageError>([this] { return transaction_status(); });
  transactions.autocommit = on;
}

bool AsyncConnection::autocommit() const { return state().open.autocommit; }

void AsyncConnection::timeout(Seconds limit) {
  if (!(limit.count() >= 0)) throw UsageError("a timeout must be at least 0 s");
  state().timeout = limit;
}

Seconds AsyncConnection::timeout() const { return state().timeout; }

void AsyncConnection::name(std::string_view name) { loop_->engine().leases().set_name(state().lease, name); }

std::string AsyncConnection::name() const { return engine::Leases::name_of(state().lease); }

AsyncConnectionWithin::Limited::Limited(const AsyncConnectionWithin& within)
    : state_((within.connection_->require_lease(), within.connection_->state_)),
      timeout_(state_->timeout),
      deadline_(state_->deadline) {
  state_->timeout = Seconds(HUGE_VAL);
  state_->deadline = std::min(deadline_.at(), within.deadline_.at());
}

AsyncConnectionWithin::Limited::~Limited() {
  state_->timeout = timeout_;
  state_->deadline = deadline_.at();
}

int AsyncConnection::backend_pid() const {
  return engine::inspect(state().loop->engine(), state().lease,
                         [](const pq::Connection& connection) { return connection.backend_pid(); });
}

int AsyncConnection::server_version() const {
  return engine::inspect(state().loop->engine(), state().lease,
                         [](const pq::Connection& connection) { return connection.server_version(); });
}

TransactionStatus AsyncConnection::transaction_status() const {
  return engine::inspect(state().loop->engine(), state().lease, engine::status_of);
}

std::string AsyncConnection::parameter_status(const std::string& name) const {
  return engine::inspect(state().loop->engine(), state().lease, [&](const pq::Connection& connection) {
    return std::string(connection.parameter_status(name.c_str()));
  });
}

}  // namespace copg
