// A stream from the world's server, which has one chunk.
#pragma once

#include <copg/detail/request.hpp>
#include <copg/result.hpp>

#include <cstddef>
#include <memory>
#include <utility>

#include "pq/execute_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class Stream {
 public:
  static constexpr std::size_t max_chunk_rows = 1'000'000;

  Stream(std::shared_ptr<const detail::Request> statement, std::size_t /*chunk_rows*/)
      : statement_(std::move(statement)) {}
  [[nodiscard]] bool over() const noexcept { return over_; }
  void end() noexcept { over_ = true; }
  [[nodiscard]] bool begun() const noexcept { return over_; }
  [[nodiscard]] const detail::Request& statement() const noexcept { return *statement_; }
  void set_chunk_rows(std::size_t /*rows*/) noexcept {}

 private:
  const std::shared_ptr<const detail::Request> statement_;
  bool over_ = false;
};

class StreamOperation final : public OneStatement {
 public:
  StreamOperation(Connection& connection, std::shared_ptr<Stream> stream, BeginFirst begin)
      : OneStatement(connection, stream->statement().sql(), token_of(stream->statement()), begin),
        stream_(std::move(stream)) {}
  [[nodiscard]] Result take_chunk() const { return answer_with(token()); }

 private:
  void answered() override { stream_->end(); }

  const std::shared_ptr<Stream> stream_;
};

}  // namespace scripted
}  // namespace copg::pq
