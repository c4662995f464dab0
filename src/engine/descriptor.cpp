#include "engine/descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/system/system_error.hpp>

#include <cerrno>

namespace copg::engine {

namespace asio = boost::asio;

void Descriptor::take(const asio::any_io_executor& executor, int fd) {
  give_up();
  const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) throw boost::system::system_error(errno, boost::system::system_category());
  try {
    stream_.emplace(executor, duplicate);
  } catch (...) {
    close(duplicate);
    throw;
  }
  fd_ = fd;
  context_.store(&context_of(executor), std::memory_order_relaxed);
}

void Descriptor::give_up() noexcept {
  // Not closed by Asio: it takes for granted that the kernel then drops the registration, which outlives the
  // duplicate.
  if (stream_) close(stream_->release());
  stream_.reset();
  fd_ = -1;
  context_.store(nullptr, std::memory_order_relaxed);
}

void Descriptor::abandon() noexcept {
  if (stream_) close(stream_->native_handle());
}

}  // namespace copg::engine
