// Each call is a step of the COPY (engine/calls/copy_jobs.hpp), as a job on the connection's lease.
#include <copg/async_copy.hpp>

#include <copg/error.hpp>

#include <utility>

#include "async/calls.hpp"
#include "async/completion.hpp"
#include "async/copy_begin.hpp"
#include "engine/calls/copy_jobs.hpp"

namespace copg {

using pq::CopyWish;

AsyncCopy::AsyncCopy() noexcept = default;
AsyncCopy::AsyncCopy(AsyncCopy&&) noexcept = default;
AsyncCopy& AsyncCopy::operator=(AsyncCopy&&) noexcept = default;
AsyncCopy::~AsyncCopy() = default;

AsyncCopy::AsyncCopy(std::shared_ptr<async::Loop> loop, std::weak_ptr<async::LeaseState> lease,
                     std::shared_ptr<pq::KeptCopy> copy, std::optional<Deadline> deadline) noexcept
    : loop_(std::move(loop)), lease_(std::move(lease)), copy_(std::move(copy)), deadline_(deadline) {}

AsyncCopy::executor_type AsyncCopy::get_executor() const {
  if (!copy_) throw UsageError("this AsyncCopy holds no COPY");
  return loop_->executor();
}

template <class Kept, class Handler>
void AsyncCopy::start(Kept kept, Handler handler) {
  if (!copy_) throw UsageError("this AsyncCopy holds no COPY");
  kept.copy = copy_;
  async::start_on(*loop_, lease_.lock(), deadline_, std::move(kept), std::move(handler));
}

void AsyncCopy::start_write(detail::Handler<> handler, std::string data) {
  start(engine::KeptCopyStep<CopyWish::write>{nullptr, std::move(data)}, std::move(handler));
}

void AsyncCopy::start_read(detail::Handler<std::string> handler) {
  start(engine::KeptCopyStep<CopyWish::read>(), std::move(handler));
}

void AsyncCopy::start_finish(detail::Handler<std::int64_t> handler) {
  start(engine::KeptCopyStep<CopyWish::finish>(), std::move(handler));
}

void AsyncCopy::start_cancel(detail::Handler<> handler) {
  start(engine::KeptCopyStep<CopyWish::give_up>(), std::move(handler));
}

}  // namespace copg
