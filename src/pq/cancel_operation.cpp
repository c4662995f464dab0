// The cancel request: on a worker thread that calls PQcancel, or without blocking where libpq can (17).
#include "pq/cancel_operation.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "os/signal.hpp"
#include "pq/errors.hpp"
#include "pq/fork_gate.hpp"
#include "pq/late_symbols.hpp"
#include "pq/workers.hpp"

namespace copg::pq {
namespace {

std::atomic<int> workers_in_flight{0};

// The workers of the parent don't exist in a forked child.
[[maybe_unused]] const int cancels_registered =
    pthread_atfork(nullptr, nullptr, [] { workers_in_flight = 0; });

}  // namespace

// What the worker and the operation share; the last one to let go frees it. The PGcancel is a copy that needs
// no connection.
struct CancelOperation::Worker {
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    PQfreeCancel(cancel);
    if (counted) --workers_in_flight;
  }

  void run() noexcept {
    delivered = PQcancel(cancel, reason.data(), static_cast<int>(reason.size())) == 1;
    finished.store(true, std::memory_order_release);
    signal.set();
  }

  PGcancel* cancel = nullptr;
  os::Signal signal;
  bool counted = false;
  bool delivered = false;          // valid once `finished`
  std::array<char, 256> reason{};  // of a failure; the size is libpq's advice (docs 34.7)
  std::atomic<bool> finished{false};
};

CancelOperation::CancelOperation(Connection& connection) : connection_(connection) {}

CancelOperation::~CancelOperation() {
  if (conversation_ == nullptr) return;
  const InsideForkGate inside(InsideForkGate::What::connect);
  PQcancelFinish(conversation_);
}

const char* CancelOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::start: return "starting a cancel";
    case Phase::worker:
    case Phase::conversation: return "waiting for the server to take a cancel";
    case Phase::done: return "cancel done";
  }
  return "";
}

Step CancelOperation::advance(Ready ready) {
  switch (phase_) {
    case Phase::start: return start();
    case Phase::worker: return poll_worker();
    case Phase::conversation:
      // libpq takes a call for readiness: before the connect is through it would be mistaken for a failure.
      return ready == Ready::none ? last_step_ : poll_conversation();
    case Phase::done: break;
  }
  return Step::finished();
}

Step CancelOperation::start() {
  connection_.count_cancel();
  return has_nonblocking_cancel() ? start_conversation() : start_worker();
}

Step CancelOperation::start_worker() {
  worker_ = std::make_shared<Worker>();
  worker_->cancel = PQgetCancel(connection_.raw());
  if (worker_->cancel == nullptr)
    return fail_with("could not ask the server to cancel", "the connection is closed");
  if (!worker_->signal.open()) return fail_with("could not ask the server to cancel", std::strerror(errno));
  worker_->counted = true;
  if (++workers_in_flight > max_workers) {
    return fail_with("could not ask the server to cancel",
                     "too many cancels are waiting for an answer already");
  }
  try {
    Workers::submit([worker = worker_] { worker->run(); });
  } catch (const std::system_error& error) {
    return fail_with("could not ask the server to cancel", error.what());
  }
  phase_ = Phase::worker;
  return Step::wait(worker_->signal.fd(), Ready::read);
}

void cancel_and_forget(const Connection& connection) noexcept {
  try {
    const std::shared_ptr<PGcancel> cancel(PQgetCancel(connection.raw()), &PQfreeCancel);
    if (cancel == nullptr) return;
    connection.count_cancel();
    Workers::submit([cancel] {
      std::array<char, 256> reason{};
      static_cast<void>(PQcancel(cancel.get(), reason.data(), static_cast<int>(reason.size())));
    });
  } catch (const std::exception&) {  // out of threads or memory: the statement runs on
  }
}

Step CancelOperation::poll_worker() {
  if (!worker_->finished.load(std::memory_order_acquire))
    return Step::wait(worker_->signal.fd(), Ready::read);
  if (!worker_->delivered) return fail_with("the server did not take a cancel", worker_->reason.data());
  worker_.reset();
  phase_ = Phase::done;
  return Step::finished();
}

Step CancelOperation::start_conversation() {
  const InsideForkGate inside(InsideForkGate::What::connect);
  conversation_ = PQcancelCreate(connection_.raw());
  if (conversation_ == nullptr) throw std::bad_alloc();
  if (PQcancelStart(conversation_) != 1) {
    return fail_with("could not ask the server to cancel", PQcancelErrorMessage(conversation_));
  }
  phase_ = Phase::conversation;
  // "Start as if PQcancelPoll had returned PGRES_POLLING_WRITING" (libpq docs 17, 32.7.2, as for
  // PQconnectPoll).
  return wait_for(Ready::write);
}

Step CancelOperation::poll_conversation() {
  const InsideForkGate inside(InsideForkGate::What::connect);
  switch (PQcancelPoll(conversation_)) {
    case PGRES_POLLING_READING: return wait_for(Ready::read);
    case PGRES_POLLING_WRITING: return wait_for(Ready::write);
    case PGRES_POLLING_OK:
      PQcancelFinish(std::exchange(conversation_, nullptr));
      phase_ = Phase::done;
      return Step::finished();
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE: break;
  }
  return fail_with("the server did not take a cancel", PQcancelErrorMessage(conversation_));
}

Step CancelOperation::wait_for(Ready what) {
  last_step_ = Step::wait(PQcancelSocket(conversation_), what);
  return last_step_;
}

Step CancelOperation::fail_with(const char* what, const char* reason) {
  phase_ = Phase::done;
  return fail(connection_failed(fmt::format("{}: {}", what, first_line(reason))));
}

}  // namespace copg::pq
