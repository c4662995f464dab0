// Looking for signals.
#include "python/native/waiting.hpp"

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <algorithm>
#include <thread>

#include "python/native/gil.hpp"
#include "sync/call.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

constexpr auto interrupt_check_interval = sync::interrupt_check_interval / 2;

std::atomic<unsigned long> main_thread = 0;

bool in_main_thread() noexcept {
  return PyThread_get_thread_ident() == main_thread.load(std::memory_order_relaxed);
}

void run_signal_handlers() {
  if (!in_main_thread()) return;
  const WithGil gil;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

}  // namespace

void watch_for_signals() { sync::set_interrupt_check(run_signal_handlers); }

void remember_main_thread(unsigned long ident) noexcept {
  main_thread.store(ident, std::memory_order_relaxed);
}

ConnectionGuard::ConnectionGuard(ConnectionLock& lock, const std::optional<Deadline>& deadline)
    : lock_(lock), held_(lock.mutex, std::defer_lock) {
  const std::thread::id here = std::this_thread::get_id();
  if (lock.whose.load(std::memory_order_relaxed) == here)
    throw UsageError("this connection is inside a call that this code runs in: take another from the pool");
  if (!held_.try_lock()) {
    const Deadline end = deadline.value_or(Deadline());
    while (!held_.try_lock_until(std::min(end.at(), Deadline::Clock::now() + interrupt_check_interval))) {
      if (Deadline::Clock::now() >= end.at())
        throw PoolTimeout({.kind = ErrorKind::pool_timeout,
                           .message = "no turn on this connection in time: other threads use it; nothing was "
                                      "sent"});
      run_signal_handlers();
    }
  }
  lock.whose.store(here, std::memory_order_relaxed);
}

}  // namespace copg::python
