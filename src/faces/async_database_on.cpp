#include <copg/async_database_on.hpp>

#include <cmath>
#include <utility>

#include "faces/begin_on.hpp"

namespace copg {

namespace asio = boost::asio;
using engine::TimeLimit;

AsyncDatabaseOn::AsyncDatabaseOn(std::shared_ptr<async::Loop> loop, std::shared_ptr<faces::Hosts> hosts,
                                 Role role, const RoleOptions& options,
                                 std::optional<Deadline> deadline) noexcept
    : loop_(std::move(loop)), hosts_(std::move(hosts)), role_(role), options_(options), deadline_(deadline) {}

AsyncDatabaseOn AsyncDatabaseOn::within(Deadline deadline) const {
  return {loop_, hosts_, role_, options_, deadline};
}

asio::any_io_executor AsyncDatabaseOn::get_executor() const {
  return loop_ ? loop_->executor() : hosts_->loop()->executor();
}

Seconds AsyncDatabaseOn::timeout() const {
  return loop_ ? loop_->engine().options().timeout : hosts_->router()->setup().options.timeout;
}

TimeLimit AsyncDatabaseOn::limit() const {
  if (deadline_) return TimeLimit::until(deadline_->at());
  return engine::duration_of(timeout());
}

void AsyncDatabaseOn::start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request) const {
  begin(std::move(handler), std::move(request));
}

void AsyncDatabaseOn::start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) const {
  begin(std::move(handler), std::move(request));
}

void AsyncDatabaseOn::start(detail::Handler<std::vector<Result>> handler,
                            detail::ReturningRequest request) const {
  begin(std::move(handler), std::move(request));
}

void AsyncDatabaseOn::start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) const {
  begin(std::move(handler), std::move(request));
}

void AsyncDatabaseOn::start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline) const {
  begin(std::move(handler), std::move(pipeline));
}

void AsyncDatabaseOn::start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) const {
  begin(std::move(handler), std::move(pipeline));
}

void AsyncDatabaseOn::start_connection(detail::Handler<AsyncConnection> handler,
                                       const SourceLocation& where) const {
  if (deadline_) {
    return begin(std::move(handler), faces::LeaseRequest{where, Seconds(HUGE_VAL), deadline_->at()});
  }
  begin(std::move(handler), faces::LeaseRequest{where, timeout(), pool::never});
}

}  // namespace copg
