// What src/engine/descriptor.cpp does, in the simulation, where a socket is a number and needs no duplicate.
#include "engine/descriptor.hpp"

namespace copg::engine {

void Descriptor::take(const boost::asio::any_io_executor& executor, int fd) {
  give_up();
  stream_.emplace(executor, fd);
  fd_ = fd;
  context_.store(&context_of(executor), std::memory_order_relaxed);
}

void Descriptor::give_up() noexcept {
  if (stream_) (void)stream_->release();
  stream_.reset();
  fd_ = -1;
  context_.store(nullptr, std::memory_order_relaxed);
}

void Descriptor::abandon() noexcept {}

}  // namespace copg::engine
