#include "engine/asio_background.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "os/names.hpp"
#include "pq/signals_blocked.hpp"

namespace copg::engine {

namespace asio = boost::asio;

/// The descriptor is handed back before each step: libpq may close it there and open another with the same
/// number.
class AsioBackground::Waiting final : public Wait, public std::enable_shared_from_this<Waiting> {
 public:
  Waiting(const Strand& strand, Listener& listener)
      : listener_(listener), descriptor_(strand), timer_(strand) {}
  ~Waiting() override { hand_back(); }

  void set_deadline(TimePoint deadline) {
    if (deadline == pool::never) return;
    timer_.expires_at(deadline);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->running_) self->listener_.on_deadline();
    });
  }
  bool wait(int fd, pq::Ready what) override {
    boost::system::error_code error;
    descriptor_.assign(fd, error);
    if (error) return false;
    if (what != pq::Ready::write) wait_for(asio::posix::stream_descriptor::wait_read, pq::Ready::read);
    if (what != pq::Ready::read) wait_for(asio::posix::stream_descriptor::wait_write, pq::Ready::write);
    return true;
  }
  void stop() noexcept override {
    running_ = false;
    hand_back();
    timer_.cancel();
  }

 private:
  void wait_for(asio::posix::stream_descriptor::wait_type type, pq::Ready ready) {
    descriptor_.async_wait(
        type, [self = shared_from_this(), round = round_, ready](const boost::system::error_code&) {
          if (!self->running_ || round != self->round_) return;
          ++self->round_;
          self->hand_back();
          self->listener_.on_ready(ready);
        });
  }
  void hand_back() noexcept {
    if (descriptor_.is_open()) descriptor_.release();
  }

  Listener& listener_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
  std::uint64_t round_ = 0;  // of waiting: a handler of an earlier round is late
  bool running_ = true;
};

/// A thread's own.
struct AsioBackground::Context {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);

  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  Task then;  // for the thread, at its end

  void run() {
    io.run();
    std::unique_lock lock(mutex);
    ended = true;
    changed.notify_all();
    const Task last = std::move(then);
    lock.unlock();
    if (last) last();
  }
  bool wait_for_end(TimePoint deadline, Task otherwise) {
    std::unique_lock lock(mutex);
    if (changed.wait_until(lock, deadline, [this] { return ended; })) return true;
    then = std::move(otherwise);
    return false;
  }
};

AsioBackground::AsioBackground(asio::any_io_executor executor)
    : context_(executor ? nullptr : std::make_shared<Context>()),
      executor_(context_ ? context_->io.get_executor() : std::move(executor)),
      strand_(executor_),
      timer_(strand_) {
  if (!context_) return;
  const pq::SignalsBlocked blocked;
  thread_ = std::thread([context = context_] {
    os::set_thread_name("copg");
    context->run();
  });
}

AsioBackground::~AsioBackground() { AsioBackground::stop(pool::never, {}); }

bool AsioBackground::is_guest_of(const asio::execution_context& context) const {
  return !context_ && &asio::query(executor_, asio::execution::context) == &context;
}

void AsioBackground::post(Task task) { asio::post(strand_, std::move(task)); }

void AsioBackground::call_at(TimePoint time, Task task) {
  timer_.cancel();
  if (time == pool::never) return;
  timer_.expires_at(time);
  timer_.async_wait([task = std::move(task)](const boost::system::error_code& error) {
    if (!error) task();
  });
}

std::shared_ptr<BackgroundPort::Wait> AsioBackground::wait_until(TimePoint deadline, Listener& listener) {
  auto waiting = std::make_shared<Waiting>(strand_, listener);
  waiting->set_deadline(deadline);
  return waiting;
}

/// Pending handlers are destroyed unrun, with the context.
bool AsioBackground::stop(TimePoint deadline, Task then) {
  if (!thread_.joinable()) return true;
  context_->io.stop();
  const bool here = thread_.get_id() == std::this_thread::get_id();
  const bool ended = !here && context_->wait_for_end(deadline, std::move(then));
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
  return here || ended;
}

}  // namespace copg::engine
