#include <copg/async_pooled_database.hpp>
#include <copg/detail/configure.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "async/calls.hpp"
#include "async/completion.hpp"
#include "async/kept.hpp"
#include "async/listen.hpp"
#include "engine/closing_handle.hpp"

namespace copg {

namespace asio = boost::asio;

struct AsyncPooledDatabase::State {
  std::shared_ptr<engine::PoolEngine> face;
  executor_type given;  // empty: the engine's
  std::mutex mutex;
  std::shared_ptr<async::Loop> loop;
  // Read without the mutex: the loop, and the process that it was made in.
  std::atomic<async::Loop*> current = nullptr;
  std::atomic<std::uint32_t> process = 0;

  [[nodiscard]] engine::Duration timeout() const { return face->timeout(); }
};

AsyncPooledDatabase::AsyncPooledDatabase(const executor_type& executor, const Config& config,
                                         PoolOptions options)
    : AsyncPooledDatabase(engine::closing_handle(engine::PoolEngine::create(
                              config, std::move(options), detail::call_configure, executor)),
                          executor) {}

AsyncPooledDatabase::AsyncPooledDatabase(const Config& config, PoolOptions options)
    : AsyncPooledDatabase(executor_type(), config, std::move(options)) {}

AsyncPooledDatabase::AsyncPooledDatabase(const executor_type& executor, const PooledDatabase& pool)
    : AsyncPooledDatabase(pool.shared_engine(), executor) {}

AsyncPooledDatabase::AsyncPooledDatabase(std::shared_ptr<engine::PoolEngine> face, executor_type executor)
    : state_(std::make_unique<State>()) {
  state_->face = std::move(face);
  state_->given = std::move(executor);
}

AsyncPooledDatabase::AsyncPooledDatabase(AsyncPooledDatabase&&) noexcept = default;
AsyncPooledDatabase& AsyncPooledDatabase::operator=(AsyncPooledDatabase&&) noexcept = default;
AsyncPooledDatabase::~AsyncPooledDatabase() = default;

/// Makes the loop with the first call, and anew in a forked child, whose engine has another thread.
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

AsyncPooledDatabase::executor_type AsyncPooledDatabase::get_executor() const { return loop()->executor(); }

PooledDatabase AsyncPooledDatabase::sync() const { return PooledDatabase(state_->face); }

void AsyncPooledDatabase::start_open(detail::Handler<> handler) {
  try {
    state_->face->open();
  } catch (...) {
    return async::complete_now(loop()->executor(), std::move(handler), std::current_exception());
  }
  start_wait(std::move(handler), Deadline(state_->face->options().timeout));
}

namespace {

using engine::TimeLimit;

void start_on(std::shared_ptr<async::Loop> loop, const TimeLimit& limit, detail::Handler<Result> handler,
              std::unique_ptr<detail::Request> request) {
  const engine::KnownText text = engine::known_text(request->sql());
  pq::DescribeFirst first;
  try {
    if (request->shape() != nullptr) first = async::describe_first(loop->engine(), *request, text);
  } catch (...) {
    return async::complete_now(loop->executor(), std::move(handler), std::current_exception(), Result());
  }
  if (first) {
    const SourceLocation where = request->where();
    return async::start_on(std::move(loop), limit, where, async::KeptStatement{std::move(request), first},
                           std::move(handler));
  }
  async::start<async::ExecuteCall>(std::move(handler), std::move(loop), limit, std::move(request), text);
}

void start_on(std::shared_ptr<async::Loop> loop, const TimeLimit& limit,
              detail::Handler<std::int64_t> handler, detail::ManyRequest request) {
  if (!request.rows)
    return async::complete_now(loop->executor(), std::move(handler), nullptr, std::int64_t{0});
  const SourceLocation where = request.where;
  async::KeptRows rows{std::move(request), loop->engine().joinable_texts()};
  async::start_on(std::move(loop), limit, where, std::move(rows), std::move(handler));
}

void start_on(std::shared_ptr<async::Loop> loop, const TimeLimit& limit,
              detail::Handler<std::vector<Result>> handler, detail::ReturningRequest request) {
  if (!request.many.rows)
    return async::complete_now(loop->executor(), std::move(handler), nullptr, std::vector<Result>());
  const SourceLocation where = request.many.where;
  async::KeptReturning rows{{std::move(request.many), loop->engine().joinable_texts()}};
  async::start_on(std::move(loop), limit, where, std::move(rows), std::move(handler));
}

void start_on(std::shared_ptr<async::Loop> loop, const TimeLimit& limit,
              detail::Handler<std::int64_t> handler, detail::CopyRequest request) {
  const SourceLocation where = request.where;
  if (request.sink != nullptr) {
    async::KeptCopyOut kept{std::move(request)};
    return async::start_on(std::move(loop), limit, where, std::move(kept), std::move(handler));
  }
  async::start_on(std::move(loop), limit, where, async::KeptCopyIn{std::move(request)}, std::move(handler));
}

void start_on(std::shared_ptr<async::Loop> loop, const TimeLimit& limit,
              detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline) {
  if (pipeline.empty())
    return async::complete_now(loop->executor(), std::move(handler), nullptr, std::vector<PipelineAnswer>());
  const SourceLocation where = pipeline.where();
  async::start_on(std::move(loop), limit, where, engine::KeptPipeline(std::move(pipeline)),
                  std::move(handler));
}

void start_on(std::shared_ptr<async::Loop> loop, const TimeLimit& limit,
              detail::Handler<std::vector<Result>> handler, Pipeline pipeline) {
  if (pipeline.empty())
    return async::complete_now(loop->executor(), std::move(handler), nullptr, std::vector<Result>());
  const SourceLocation where = pipeline.where();
  async::start_on(std::move(loop), limit, where, engine::KeptAll(std::move(pipeline)), std::move(handler));
}

}  // namespace

void AsyncPooledDatabase::start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request) {
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) {
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::vector<Result>> handler,
                                detail::ReturningRequest request) {
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) {
  start_on(loop(), state_->timeout(), std::move(handler), std::move(request));
}

void AsyncPooledDatabase::start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline) {
  start_on(loop(), state_->timeout(), std::move(handler), std::move(pipeline));
}

void AsyncPooledDatabase::start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) {
  start_on(loop(), state_->timeout(), std::move(handler), std::move(pipeline));
}

void AsyncPooledDatabase::start_connection(detail::Handler<AsyncConnection> handler,
                                           std::optional<Deadline> deadline, const SourceLocation& where) {
  const TimeLimit limit = deadline ? TimeLimit::until(deadline->at()) : state_->timeout();
  async::start<async::ConnectionCall>(std::move(handler), loop(), limit, where,
                                      state_->face->options().timeout, pool::never);
}

void AsyncPooledDatabase::start_try_connection(detail::Handler<std::optional<AsyncConnection>> handler,
                                               const SourceLocation& where) {
  auto loop = this->loop();
  const asio::any_io_executor executor = loop->executor();
  std::optional<AsyncConnection> leased;
  std::exception_ptr error;
  try {
    leased = async::ConnectionCall::attempt(std::move(loop), where);
  } catch (...) {
    error = std::current_exception();
  }
  async::complete_now(executor, std::move(handler), std::move(error), std::move(leased));
}

void AsyncPooledDatabase::start_listener(detail::Handler<AsyncListener> handler,
                                         std::vector<std::string> channels, std::size_t queue) {
  async::start_listening(loop(), state_->timeout(), std::move(handler), std::move(channels), queue);
}

AsyncDatabaseWithin AsyncPooledDatabase::within(Deadline deadline) const { return {loop(), deadline}; }

AsyncDatabaseWithin::AsyncDatabaseWithin(std::shared_ptr<async::Loop> loop, Deadline deadline) noexcept
    : loop_(std::move(loop)), deadline_(deadline) {}

asio::any_io_executor AsyncDatabaseWithin::get_executor() const { return loop_->executor(); }

void AsyncDatabaseWithin::start(detail::Handler<Result> handler,
                                std::unique_ptr<detail::Request> request) const {
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) const {
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::vector<Result>> handler,
                                detail::ReturningRequest request) const {
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) const {
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(request));
}

void AsyncDatabaseWithin::start(detail::Handler<std::vector<PipelineAnswer>> handler,
                                Pipeline pipeline) const {
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(pipeline));
}

void AsyncDatabaseWithin::start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) const {
  start_on(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(pipeline));
}

void AsyncDatabaseWithin::start_connection(detail::Handler<AsyncConnection> handler,
                                           const SourceLocation& where) const {
  async::start<async::ConnectionCall>(std::move(handler), loop_, TimeLimit::until(deadline_.at()), where,
                                      Seconds(HUGE_VAL), deadline_.at());
}

void AsyncDatabaseWithin::start_listener(detail::Handler<AsyncListener> handler,
                                         std::vector<std::string> channels, std::size_t queue) const {
  async::start_listening(loop_, TimeLimit::until(deadline_.at()), std::move(handler), std::move(channels),
                         queue);
}

Seconds AsyncPooledDatabase::timeout() const { return state_->face->options().timeout; }

detail::Repeat AsyncDatabaseWithin::begin_run(const RunOptions& options) const {
  return {loop_->engine().shared_from_this(), options.attempts, deadline_.at()};
}

asio::awaitable<void> AsyncDatabaseWithin::wait_for(asio::any_io_executor executor,
                                                    std::chrono::nanoseconds pause) {
  asio::steady_timer timer(executor, pause);
  co_await timer.async_wait(asio::use_awaitable);
}

void AsyncPooledDatabase::start_check(detail::Handler<> handler) {
  try {
    state_->face->start_check();
  } catch (...) {
    return async::complete_now(loop()->executor(), std::move(handler), std::current_exception());
  }
  async::start<engine::PoolWaitKind<async::Call>>(std::move(handler), loop(), state_->timeout(),
                                                  engine::Milestone::checked);
}

void AsyncPooledDatabase::start_wait(detail::Handler<> handler, Deadline deadline) {
  async::start<engine::PoolWaitKind<async::Call>>(std::move(handler), loop(), TimeLimit::until(deadline.at()),
                                                  engine::Milestone::full);
}

void AsyncPooledDatabase::start_close(detail::Handler<> handler, Seconds timeout) {
  const Seconds patience(std::max(0.0, timeout.count()));
  state_->face->start_close(engine::duration_of(patience));
  async::start<engine::PoolWaitKind<async::Call>>(std::move(handler), loop(),
                                                  engine::duration_of(patience + engine::close_grace),
                                                  engine::Milestone::finished);
}

PoolStats AsyncPooledDatabase::stats() const { return state_->face->stats(); }

std::vector<LeaseInfo> AsyncPooledDatabase::leases() const { return state_->face->holdings().leases(); }

std::vector<WaiterInfo> AsyncPooledDatabase::waiters() const { return state_->face->holdings().waiters(); }

PoolMetrics AsyncPooledDatabase::metrics() const { return state_->face->metrics(); }

PoolView AsyncPooledDatabase::view() const { return PoolView(state_->face); }

void AsyncPooledDatabase::resize(int min_size, int max_size) { state_->face->resize(min_size, max_size); }

void AsyncPooledDatabase::drain() { state_->face->drain(); }

void AsyncPooledDatabase::suspend() { state_->face->suspend(); }

void AsyncPooledDatabase::resume() { state_->face->resume(); }

const std::string& AsyncPooledDatabase::name() const noexcept { return state_->face->name(); }

std::string AsyncPooledDatabase::to_string() const { return state_->face->to_string("AsyncPooledDatabase"); }

}  // namespace copg
