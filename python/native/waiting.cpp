// Looking for signals, and the calls of the engine that sleep too deeply for that.
#include "python/native/waiting.hpp"

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "python/native/gil.hpp"
#include "sync/call.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

constexpr auto look_interval = sync::look_interval / 2;

std::atomic<unsigned long> main_thread = 0;

bool in_main_thread() noexcept {
  return PyThread_get_thread_ident() == main_thread.load(std::memory_order_relaxed);
}

void run_signal_handlers() {
  if (!in_main_thread()) return;
  const WithGil gil;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

/// Shared with the thread that does the work, which may outlive the call.
struct Work {
  std::function<void()> blocking;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::exception_ptr error;

  void run() noexcept {
    std::exception_ptr thrown;
    try {
      blocking();
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    error = std::move(thrown);
    done = true;
    changed.notify_one();
  }
  bool wait_a_little() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, look_interval, [this] { return done; });
  }
};

}  // namespace

void watch_for_signals() { sync::set_look(run_signal_handlers); }

void remember_main_thread(unsigned long ident) noexcept {
  main_thread.store(ident, std::memory_order_relaxed);
}

void run_interruptibly(std::function<void()> blocking) {
  if (!in_main_thread()) return without_gil([&] { blocking(); });
  const auto work = std::make_shared<Work>();
  work->blocking = std::move(blocking);
  std::thread([work] { work->run(); }).detach();
  without_gil([&] {
    while (!work->wait_a_little()) run_signal_handlers();
  });
  if (work->error) std::rethrow_exception(work->error);
}

Turn::Turn(Turns& turns) : turns_(turns), lock_(turns.mutex, std::defer_lock) {
  const std::thread::id here = std::this_thread::get_id();
  if (turns.whose.load(std::memory_order_relaxed) == here)
    throw UsageError("this connection is inside a call that this code runs in: take another from the pool");
  if (!lock_.try_lock()) {
    while (!lock_.try_lock_for(look_interval)) run_signal_handlers();
  }
  turns.whose.store(here, std::memory_order_relaxed);
}

}  // namespace copg::python
