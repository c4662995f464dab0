// Which way a stream takes, and its chunks.
#include "pq/stream_operation.hpp"

#include <atomic>
#include <string>
#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {
namespace {

/// Unlike any other of this process: a portal must not be taken for that of another stream.
std::string next_name() {
  static std::atomic<std::uint64_t> last = 0;
  return "copg_stream_" + std::to_string(++last);
}

}  // namespace

Stream::Stream(std::shared_ptr<const detail::Request> statement, std::size_t chunk_rows)
    : statement_(std::move(statement)),
      portal_{.name = {},
              .sql = statement_->sql(),
              .params = *statement_,
              .traits = sql::text_traits(statement_->sql()),
              .chunk_rows = chunk_rows} {}

StreamOperation::StreamOperation(Connection& connection, std::shared_ptr<Stream> stream, BeginFirst begin)
    : StatementOperation(stream->statement().sql()),
      connection_(connection),
      stream_(std::move(stream)),
      begin_(begin) {}

StreamOperation::~StreamOperation() {
  if (!started_ || done_) return;
  stream_->mode_ = Stream::Mode::over;
  stream_->rows_.reset();
}

StatementOperation& StreamOperation::part() const noexcept {
  return part_ ? *part_ : static_cast<StatementOperation&>(*stream_->rows_);
}

const char* StreamOperation::phase() const noexcept { return started_ ? part().phase() : "not sent yet"; }

bool StreamOperation::first_bytes_sent() const noexcept {
  return stream_->mode_ != Stream::Mode::unsent || (started_ && part().first_bytes_sent());
}

Step StreamOperation::advance(Ready ready) {
  if (done_) return Step::finished();
  if (!started_) {
    if (ErrorPtr refusal = start()) {
      done_ = true;
      return fail(std::move(refusal));
    }
    started_ = true;
  }
  Step step = part().advance(ready);
  if (step.done) return finish();
  // Rows may have come before, which the socket shows only to those who look at its level.
  if (std::exchange(resumed_, false)) step.wait_for = Ready::read_write;
  return step;
}

ErrorPtr StreamOperation::start() {
  const Portal& portal = stream_->portal_;
  switch (stream_->mode_) {
    case Stream::Mode::unsent:
      if (portal.traits.several) return usage_error("stream takes one statement", sql_);
      if (portal.traits.copies) return usage_error("COPY does not go through stream", sql_);
      start_statement();
      return nullptr;
    case Stream::Mode::exchange: {
      KeptOpen* const kept = connection_.kept_open();
      if (kept == nullptr || !kept->is_exchange_of(stream_)) break;
      kept->take_up_exchange();
      stream_->rows_->resume();
      resumed_ = true;
      return nullptr;
    }
    case Stream::Mode::portal: part_ = std::make_unique<PortalExchange>(connection_, portal); return nullptr;
    case Stream::Mode::over: break;
  }
  return usage_error("this stream has ended, or began on a connection that was given back", sql_);
}

void StreamOperation::start_statement() {
  Portal& portal = stream_->portal_;
  if (!begin_ && !connection_.in_transaction()) {
    stream_->rows_ =
        std::make_unique<RowsExchange>(connection_, portal.sql, portal.params, portal.chunk_rows);
  } else if (portal.traits.portal) {
    portal.name = next_name();
    part_ = std::make_unique<PortalExchange>(connection_, portal, stream_, begin_);
  } else {
    part_ = std::make_unique<ExecuteOperation>(connection_, portal.sql, portal.params, begin_);
  }
}

Step StreamOperation::finish() {
  done_ = true;
  if (ErrorPtr error = part().take_error()) {
    // Nothing was sent: it may begin elsewhere, or later.
    if (part().first_bytes_sent()) stream_->mode_ = Stream::Mode::over;
    if (!part_) part_ = std::move(stream_->rows_);  // is asked for what it has sent
    return fail(std::move(error));
  }
  Stream::Mode next = Stream::Mode::over;
  if (!part_) {
    chunk_ = stream_->rows_->take_chunk();
    if (stream_->rows_->paused()) {
      next = Stream::Mode::exchange;
      connection_.keep_open().keep_exchange(stream_, "a stream of rows");
    } else {
      part_ = std::move(stream_->rows_);
    }
  } else if (auto* const portal = dynamic_cast<PortalExchange*>(part_.get())) {
    chunk_ = portal->take_chunk();
    if (!portal->closed()) next = Stream::Mode::portal;
  } else {
    chunk_ = static_cast<ExecuteOperation&>(*part_).take_result();
  }
  stream_->mode_ = next;
  return Step::finished();
}

Result StreamOperation::take_chunk() { return std::move(chunk_); }

}  // namespace copg::pq
