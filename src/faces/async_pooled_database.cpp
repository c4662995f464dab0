#include <copg/async_pooled_database.hpp>
#include <copg/detail/configure.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "async/completion.hpp"
#include "async/listen.hpp"
#include "engine/closing_handle.hpp"
#include "faces/begin_on.hpp"
#include "faces/routed_call.hpp"

namespace copg {

namespace asio = boost::asio;
using engine::TimeLimit;
using faces::start_on;

struct AsyncPooledDatabase::State {
  State(PooledDatabase shared, executor_type executor)
      : pool(std::move(shared)), face(pool.engine_), given(std::move(executor)) {
    if (pool.router_) hosts = std::make_shared<faces::Hosts>(pool.router_->shared_from_this(), given);
  }

  PooledDatabase pool;                             // as threads see it
  const std::shared_ptr<engine::PoolEngine> face;  // of one host; else null
  std::shared_ptr<faces::Hosts> hosts;             // of several
  const executor_type given;                       // empty: the engine's
  std::mutex mutex;
  std::shared_ptr<async::Loop> loop;
  // Read without the mutex: the loop, and the process that it was made in.
  std::atomic<async::Loop*> current = nullptr;
  std::atomic<std::uint32_t> process = 0;

  [[nodiscard]] engine::Duration timeout() const { return face->timeout(); }
};

PooledDatabase AsyncPooledDatabase::make(const executor_type& executor, const Config& config,
                                         PoolOptions options) {
  if (!routing::chooses_host(config)) {
    return PooledDatabase(engine::closing_handle(
        engine::PoolEngine::create(config, std::move(options), detail::call_configure, executor)));
  }
  return PooledDatabase(
      routing::closing_handle(routing::Router::create({.config = config,
                                                       .options = std::move(options),
                                                       .call_configure = detail::call_configure,
                                                       .executor = executor})));
}

AsyncPooledDatabase::AsyncPooledDatabase(const executor_type& executor, const Config& config,
                                         PoolOptions options)
    : AsyncPooledDatabase(make(executor, config, std::move(options)), executor) {}

AsyncPooledDatabase::AsyncPooledDatabase(const Config& config, PoolOptions options)
    : AsyncPooledDatabase(executor_type(), config, std::move(options)) {}

AsyncPooledDatabase::AsyncPooledDatabase(const executor_type& executor, const PooledDatabase& pool)
    : AsyncPooledDatabase(pool.shared(), executor) {}

AsyncPooledDatabase::AsyncPooledDatabase(PooledDatabase pool, executor_type executor)
    : state_(std::make_unique<State>(std::move(pool), std::move(executor))) {}

AsyncPooledDatabase::AsyncPooledDatabase(AsyncPooledDatabase&&) noexcept = default;
AsyncPooledDatabase& AsyncPooledDatabase::operator=(AsyncPooledDatabase&&) noexcept = default;
AsyncPooledDatabase::~AsyncPooledDatabase() = default;

/// Of one host. Makes the loop with the first call, and anew in a forked child, whose engine has another
/// thread.
std::shared_ptr<async::Loop> AsyncPooledDatabase::loop() const {
  const std::uint32_t process = engine::ForkGuard::generation();
  if (state_->process.load(std::memory_order_acquire) == process) {
    async::Loop* const current = state_->current.load(std::memory_order_acquire);
    if (current != nullptr) return current->shared_from_this();
  }
  const std::lock_guard lock(state_->mutex);
  if (!state_->loop || state_->process != process) {
    state_->loop = async::Loop::make(state_->face->shared_from_this(), state_->given);
    state_->current.store(state_->loop.get(), std::memory_order_release);
    state_->process.store(process, std::memory_order_release);  // last, because it validates `current`
  }
  return state_->loop;
}

AsyncPooledDatabase::executor_type AsyncPooledDatabase::get_executor() const {
  return state_->hosts ? state_->hosts->loop()->executor() : loop()->executor();
}

PooledDatabase AsyncPooledDatabase::sync() const { return state_->pool.shared(); }

AsyncDatabaseOn AsyncPooledDatabase::on(Role role, const RoleOptions& options) const {
  (void)state_->pool.on(role, options);  // throws where threads could not do it either
  return {state_->hosts ? nullptr : loop(), state_->hosts, role, options, {}};
}

AsyncDatabaseOn AsyncPooledDatabase::primary() const {
  return {nullptr, state_->hosts, Role::primary, {}, {}};
}

void AsyncPooledDatabase::start_open(detail::Handler<> handler) {
  try {
    if (state_->hosts) {
      state_->hosts->router()->open();
    } else {
      state_->face->open();
    }
  } catch (...) {
    return async::complete_now(get_executor(), std::move(handler), std::current_exception());
  }
  start_wait(std::move(handler), Deadline(timeout()));
}

void AsyncPooledDatabase::start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request) {
  if (state_->hosts) [[unlikely]]
    return primary().start(std::move(handler), std::move(request));
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) {
  if (state_->hosts) [[unlikely]]
    return primary().start(std::move(handler), std::move(request));
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::vector<Result>> handler,
                                detail::ReturningRequest request) {
  if (state_->hosts) [[unlikely]]
    return primary().start(std::move(handler), std::move(request));
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) {
  if (state_->hosts) [[unlikely]]
    return primary().start(std::move(handler), std::move(request));
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline) {
  if (state_->hosts) [[unlikely]]
    return primary().start(std::move(handler), std::move(pipeline));
  start_on(loop(), state_->timeout(), std::move(handler), std::move(pipeline));
}

void AsyncPooledDatabase::start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) {
  if (state_->hosts) [[unlikely]]
    return primary().start(std::move(handler), std::move(pipeline));
  start_on(loop(), state_->timeout(), std::move(handler), std::move(pipeline));
}

void AsyncPooledDatabase::start_connection(detail::Handler<AsyncConnection> handler,
                                           std::optional<Deadline> deadline, const SourceLocation& where) {
  const faces::LeaseRequest request{where, timeout(), pool::never};
  if (state_->hosts) [[unlikely]] {
    AsyncDatabaseOn primary = this->primary();
    primary.deadline_ = deadline;
    return primary.begin(std::move(handler), request);
  }
  const TimeLimit limit = deadline ? TimeLimit::until(deadline->at()) : state_->timeout();
  start_on(loop(), limit, std::move(handler), request);
}

void AsyncPooledDatabase::start_try_connection(detail::Handler<std::optional<AsyncConnection>> handler,
                                               const SourceLocation& where) {
  std::optional<AsyncConnection> leased;
  std::exception_ptr error;
  try {
    leased =
        state_->hosts ? state_->hosts->try_connection(where) : async::ConnectionCall::attempt(loop(), where);
  } catch (...) {
    error = std::current_exception();
  }
  async::complete_now(get_executor(), std::move(handler), std::move(error), std::move(leased));
}

void AsyncPooledDatabase::start_listener(detail::Handler<AsyncListener> handler,
                                         std::vector<std::string> channels, std::size_t queue) {
  if (state_->hosts) return faces::refuse_use(*state_->hosts, std::move(handler));
  async::start_listening(loop(), state_->timeout(), std::move(handler), std::move(channels), queue);
}

AsyncDatabaseWithin AsyncPooledDatabase::within(Deadline deadline) const {
  return {state_->hosts ? nullptr : loop(), state_->hosts, deadline};
}

AsyncDatabaseWithin::AsyncDatabaseWithin(std::shared_ptr<async::Loop> loop,
                                         std::shared_ptr<faces::Hosts> hosts, Deadline deadline) noexcept
    : loop_(std::move(loop)), hosts_(std::move(hosts)), deadline_(deadline) {}

AsyncDatabaseOn AsyncDatabaseWithin::on_primary() const {
  return {loop_, hosts_, Role::primary, {}, deadline_};
}

asio::any_io_executor AsyncDatabaseWithin::get_executor() const { return on_primary().get_executor(); }

void AsyncDatabaseWithin::start(detail::Handler<Result> handler,
                                std::unique_ptr<detail::Request> request) const {
  if (hosts_) return on_primary().start(std::move(handler), std::move(request));
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) const {
  if (hosts_) return on_primary().start(std::move(handler), std::move(request));
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::vector<Result>> handler,
                                detail::ReturningRequest request) const {
  if (hosts_) return on_primary().start(std::move(handler), std::move(request));
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) const {
  if (hosts_) return on_primary().start(std::move(handler), std::move(request));
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::vector<PipelineAnswer>> handler,
                                Pipeline pipeline) const {
  if (hosts_) return on_primary().start(std::move(handler), std::move(pipeline));
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(pipeline));
}

void AsyncDatabaseWithin::start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) const {
  if (hosts_) return on_primary().start(std::move(handler), std::move(pipeline));
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(pipeline));
}

void AsyncDatabaseWithin::start_connection(detail::Handler<AsyncConnection> handler,
                                           const SourceLocation& where) const {
  on_primary().start_connection(std::move(handler), where);
}

void AsyncDatabaseWithin::start_listener(detail::Handler<AsyncListener> handler,
                                         std::vector<std::string> channels, std::size_t queue) const {
  if (hosts_) return faces::refuse_use(*hosts_, std::move(handler));
  async::start_listening(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(channels),
                         queue);
}

Seconds AsyncPooledDatabase::timeout() const { return state_->pool.timeout(); }

detail::Repeat AsyncDatabaseWithin::begin_run(const RunOptions& options) const {
  auto pool = hosts_ ? hosts_->router()->pool_of_primary() : loop_->engine().shared_from_this();
  return {std::move(pool), options.attempts, deadline_.at()};
}

asio::awaitable<void> AsyncDatabaseWithin::wait_for(asio::any_io_executor executor,
                                                    std::chrono::nanoseconds pause) {
  asio::steady_timer timer(executor, pause);
  co_await timer.async_wait(asio::use_awaitable);
}

void AsyncPooledDatabase::start_check(detail::Handler<> handler) {
  std::vector<std::shared_ptr<engine::PoolEngine>> checked;
  try {
    if (state_->hosts) {
      checked = state_->hosts->start_check();
    } else {
      state_->face->start_check();
    }
  } catch (...) {
    return async::complete_now(get_executor(), std::move(handler), std::current_exception());
  }
  if (!state_->hosts)
    return start_on(loop(), state_->timeout(), std::move(handler), engine::Milestone::checked);
  faces::wait_for_each(state_->hosts, Deadline(timeout()), engine::Milestone::checked, checked,
                       std::move(handler));
}

void AsyncPooledDatabase::start_wait(detail::Handler<> handler, Deadline deadline) {
  if (state_->hosts) {
    AsyncDatabaseOn primary = this->primary();
    primary.deadline_ = deadline;
    return primary.begin(std::move(handler), engine::Milestone::full);
  }
  start_on(loop(), TimeLimit::until(deadline.at()), std::move(handler), engine::Milestone::full);
}

void AsyncPooledDatabase::start_close(detail::Handler<> handler, Seconds timeout) {
  const Seconds patience(std::max(0.0, timeout.count()));
  const TimeLimit limit = engine::duration_of(patience + engine::close_grace);
  if (state_->hosts) {
    const auto pools = state_->hosts->router()->start_close(engine::duration_of(patience));
    return faces::wait_for_each(state_->hosts, limit.deadline(engine::now()), engine::Milestone::finished,
                                pools, std::move(handler));
  }
  state_->face->start_close(engine::duration_of(patience));
  start_on(loop(), limit, std::move(handler), engine::Milestone::finished);
}

PoolStats AsyncPooledDatabase::stats() const { return state_->pool.stats(); }

std::vector<HostInfo> AsyncPooledDatabase::hosts() const { return state_->pool.hosts(); }

std::vector<LeaseInfo> AsyncPooledDatabase::leases() const { return state_->pool.leases(); }

std::vector<WaiterInfo> AsyncPooledDatabase::waiters() const { return state_->pool.waiters(); }

PoolMetrics AsyncPooledDatabase::metrics() const { return state_->pool.metrics(); }

PoolView AsyncPooledDatabase::view() const { return state_->pool.view(); }

void AsyncPooledDatabase::resize(int min_size, int max_size) { state_->pool.resize(min_size, max_size); }

void AsyncPooledDatabase::drain() { state_->pool.drain(); }

void AsyncPooledDatabase::suspend() { state_->pool.suspend(); }

void AsyncPooledDatabase::resume() { state_->pool.resume(); }

const std::string& AsyncPooledDatabase::name() const noexcept { return state_->pool.name(); }

std::string AsyncPooledDatabase::to_string() const { return "Async" + state_->pool.to_string(); }

}  // namespace copg
