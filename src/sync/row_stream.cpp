// A stream of rows, for threads.
#include <copg/row_stream.hpp>

#include <copg/connection.hpp>

#include <utility>

#include "engine/calls/jobs.hpp"

namespace copg {

RowStream::RowStream(Connection& connection, const Sql& sql, const Params& params,
                     std::optional<Deadline> deadline)
    : connection_(&connection),
      deadline_(deadline),
      stream_(std::make_shared<engine::OpenStream>(detail::Request::make(sql, params),
                                                   engine::OpenStream::usual_chunk)) {}

RowStream::RowStream(std::shared_ptr<Connection> own, const Sql& sql, const Params& params)
    : RowStream(*own, sql, params, {}) {
  own_ = std::move(own);
  own_->autocommit(true);
}

RowStream::RowStream(RowStream&& other) noexcept = default;

RowStream& RowStream::operator=(RowStream&& other) noexcept {
  if (this == &other) return *this;
  close();
  own_ = std::move(other.own_);
  connection_ = other.connection_;
  deadline_ = other.deadline_;
  stream_ = std::move(other.stream_);
  chunk_ = std::move(other.chunk_);
  at_ = other.at_;
  return *this;
}

RowStream::~RowStream() { close(); }

RowStream RowStream::in_chunks_of(std::size_t rows) && {
  if (!stream_) throw UsageError("this stream was closed");
  stream_->set_chunk(rows);
  return std::move(*this);
}

Result RowStream::next() {
  if (!stream_) throw UsageError("this stream was closed");
  if (stream_->over()) return {};
  try {
    Result chunk = connection_->next_chunk(stream_, deadline_);
    if (own_ && stream_->over()) own_->release();
    return chunk;
  } catch (...) {
    if (own_ && stream_->over()) own_->release();
    throw;
  }
}

bool RowStream::next_row() {
  if (++at_ < chunk_.size()) return true;
  at_ = 0;
  chunk_ = next();
  return !chunk_.empty();
}

void RowStream::close() noexcept {
  stream_.reset();
  own_.reset();
}

}  // namespace copg
