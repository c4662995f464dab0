#include "engine/user_call.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "engine/detached_thread.hpp"

namespace copg::engine {

namespace {

/// What the body throws.
std::optional<ErrorInfo> error_of(const std::function<void()>& body) noexcept {
  try {
    body();
  } catch (const Error& error) {
    return error.info();
  } catch (const std::exception& error) {
    return ErrorInfo{.message = error.what()};
  } catch (...) {
    return ErrorInfo{.message = "it threw what is no std::exception"};
  }
  return std::nullopt;
}

}  // namespace

/// What the operation and the thread share. The last one to let go closes the descriptor.
struct UserCall::Shared {
  Shared(std::function<void()> calls, std::shared_ptr<UnreturnedCalls> counted)
      : body(std::move(calls)), unreturned(std::move(counted)) {}

  void work() noexcept {
    std::optional<ErrorInfo> thrown;
    if (begin()) thrown = error_of(body);
    body = nullptr;  // what it holds may be the user's, too
    {
      const std::lock_guard lock(mutex);
      error = std::move(thrown);
      returned = true;
      --unreturned->count;  // before anybody is told, who may make the next call
    }
    wakeup.set();
  }

  /// False: the call was dropped first. What it would use may be gone with the pool.
  [[nodiscard]] bool begin() noexcept {
    const std::lock_guard lock(mutex);
    return !dropped;
  }

  std::function<void()> body;  // the thread's, once it runs
  const std::shared_ptr<UnreturnedCalls> unreturned;
  Signal wakeup;
  std::mutex mutex;
  std::optional<ErrorInfo> error;
  bool returned = false;
  bool dropped = false;
};

UserCall::UserCall(const char* option, std::function<void()> body,
                   std::shared_ptr<UnreturnedCalls> unreturned)
    : option_(option), shared_(std::make_shared<Shared>(std::move(body), std::move(unreturned))) {}

UserCall::~UserCall() {
  if (!started_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->dropped = true;
}

pq::ErrorPtr UserCall::failed(ErrorInfo why) const {
  why.kind = ErrorKind::connection_failed;
  why.connection_survives = false;
  why.message = std::string(option_) + " failed: " + why.message;
  return std::make_unique<ErrorInfo>(std::move(why));
}

pq::ErrorPtr UserCall::failed(std::string why) const { return failed(ErrorInfo{.message = std::move(why)}); }

pq::Step UserCall::advance(pq::Ready /*ready*/) {
  if (!started_) return start();
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->returned) return pq::Step::wait(shared_->wakeup.fd(), pq::Ready::read);
  }
  if (shared_->error) return fail(failed(std::move(*shared_->error)));
  return finish();
}

pq::Step UserCall::start() {
  UnreturnedCalls& unreturned = *shared_->unreturned;
  const int earlier = unreturned.count++;
  if (earlier >= unreturned.limit) {
    --unreturned.count;
    return fail(failed(std::to_string(earlier) + " earlier calls have not returned yet"));
  }
  try {
    shared_->wakeup.open();
    start_detached([shared = shared_] { shared->work(); });
  } catch (const std::system_error& error) {
    --unreturned.count;
    return fail(failed(std::string("could not start a thread: ") + error.what()));
  }
  started_ = true;
  return pq::Step::wait(shared_->wakeup.fd(), pq::Ready::read);
}

}  // namespace copg::engine
