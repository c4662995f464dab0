#include "engine/background_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <pthread.h>
#include <signal.h>

namespace copg::engine {

namespace asio = boost::asio;

struct BackgroundThread::Context {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
};

namespace {

/// Signals are for the program's own threads: while it lives, all are blocked in this thread, and in those it
/// starts.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

BackgroundThread::BackgroundThread() : context_(std::make_shared<Context>()) {
  const SignalsBlocked blocked;
  thread_ = std::thread([context = context_] {
    pthread_setname_np(pthread_self(), "copg");
    context->io.run();
  });
}

BackgroundThread::~BackgroundThread() { stop(); }

asio::any_io_executor BackgroundThread::executor() const { return context_->io.get_executor(); }

void BackgroundThread::stop() {
  if (!thread_.joinable()) return;
  context_->io.stop();
  if (is_this_thread()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

}  // namespace copg::engine
