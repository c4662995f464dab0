#include "engine/background_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <pthread.h>

#include <condition_variable>
#include <mutex>

#include "pq/signals_blocked.hpp"

namespace copg::engine {

namespace asio = boost::asio;

struct BackgroundThread::Context {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);

  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;

  void run() {
    io.run();
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
  }
  bool wait_for_end(TimePoint deadline) {
    std::unique_lock lock(mutex);
    return changed.wait_until(lock, deadline, [this] { return ended; });
  }
};

BackgroundThread::BackgroundThread() : context_(std::make_shared<Context>()) {
  const pq::SignalsBlocked blocked;
  thread_ = std::thread([context = context_] {
    pthread_setname_np(pthread_self(), "copg");
    context->run();
  });
}

BackgroundThread::~BackgroundThread() { stop(pool::never); }

asio::any_io_executor BackgroundThread::executor() const { return context_->io.get_executor(); }

bool BackgroundThread::stop(TimePoint deadline) {
  if (!thread_.joinable()) return true;
  context_->io.stop();
  const bool here = thread_.get_id() == std::this_thread::get_id();
  const bool ended = !here && context_->wait_for_end(deadline);
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
  return here || ended;
}

}  // namespace copg::engine
