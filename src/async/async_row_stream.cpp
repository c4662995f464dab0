// A stream of rows, for event loops.
#include <copg/async_row_stream.hpp>

#include <copg/async_connection.hpp>

#include <exception>
#include <utility>

#include "async/calls.hpp"
#include "async/completion.hpp"
#include "async/lease_state.hpp"

namespace copg {

AsyncRowStream::AsyncRowStream(std::shared_ptr<async::Loop> loop,
                               const std::shared_ptr<async::LeaseState>& state,
                               std::shared_ptr<const detail::Request> statement,
                               std::optional<Deadline> deadline)
    : loop_(std::move(loop)),
      state_(state),
      deadline_(deadline),
      stream_(std::make_shared<engine::OpenStream>(std::move(statement), engine::OpenStream::usual_chunk)) {}

AsyncRowStream::AsyncRowStream(AsyncConnection own, std::shared_ptr<const detail::Request> statement)
    : AsyncRowStream(own.loop_, own.state_, std::move(statement), {}) {
  own_ = std::make_unique<AsyncConnection>(std::move(own));
  own_->autocommit(true);
}

AsyncRowStream AsyncRowStream::On::operator()(AsyncConnection own) const {
  return {std::move(own), statement};
}

AsyncRowStream::AsyncRowStream() noexcept = default;
AsyncRowStream::AsyncRowStream(AsyncRowStream&& other) noexcept = default;

AsyncRowStream& AsyncRowStream::operator=(AsyncRowStream&& other) noexcept {
  if (this == &other) return *this;
  close();
  loop_ = std::move(other.loop_);
  state_ = std::move(other.state_);
  own_ = std::move(other.own_);
  deadline_ = other.deadline_;
  stream_ = std::move(other.stream_);
  return *this;
}

AsyncRowStream::~AsyncRowStream() { close(); }

AsyncRowStream AsyncRowStream::in_chunks_of(std::size_t rows) && {
  require_open();
  stream_->set_chunk(rows);
  return std::move(*this);
}

AsyncRowStream::executor_type AsyncRowStream::get_executor() const {
  if (!loop_) throw UsageError("this stream is of no statement");
  return loop_->executor();
}

void AsyncRowStream::require_open() const {
  if (!stream_) throw UsageError("this stream was closed");
}

void AsyncRowStream::start_next(detail::Handler<Result> handler) {
  if (!stream_) {
    return async::complete_now(loop_->executor(), std::move(handler),
                               std::make_exception_ptr(UsageError("this stream was closed")), Result());
  }
  if (stream_->over()) {
    own_.reset();
    return async::complete_now(loop_->executor(), std::move(handler), nullptr, Result());
  }
  async::start_on(*loop_, state_.lock(), deadline_, engine::StreamJob{stream_}, std::move(handler));
}

void AsyncRowStream::close() noexcept {
  stream_.reset();
  own_.reset();
}

}  // namespace copg
