// The end of an asynchronous call: its handler, and everything that Asio associates with it.
#pragma once

#include <copg/detail/async_handler.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <exception>
#include <tuple>
#include <utility>

#include "async/call.hpp"

namespace copg::async {

/// Calls the handler of a call that never began, from the event loop.
template <class... Results>
void complete_now(const asio::any_io_executor& executor, detail::Handler<Results...> handler,
                  std::exception_ptr error, Results... results) {
  asio::post(executor, asio::append(std::move(handler.call), std::move(error), std::move(results)...));
}

/// `Results`: what the handler gets after the exception_ptr; default-constructed if there is one.
template <class... Results>
class Completion {
 public:
  Completion(detail::Handler<Results...>&& handler, const Loop& loop) : handler_(std::move(handler.call)) {
    if (handler.belongs_to(loop.executor())) return;
    // The handler's own event loop must not run out of work meanwhile. Loop sees to the pool's.
    elsewhere_ = asio::prefer(asio::get_associated_executor(handler_, loop.executor()),
                              asio::execution::outstanding_work.tracked);
  }

  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() { forget_slot(); }

  /// Lets the caller cancel `call`, which must keep this object until it completes.
  template <class Cancelled>
  void cancel_with(Cancelled& call) {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.assign([&call](asio::cancellation_type type) { call.cancel(type); });
  }

  /// Calls the handler, once. It runs inline if `inside` says that it may, here on the event loop.
  void complete(bool inside, const Loop& loop, std::exception_ptr error, Results... results) {
    forget_slot();
    if (inside && !elsewhere_) return std::move(handler_)(std::move(error), std::move(results)...);
    const auto work = std::move(elsewhere_);
    auto bound = asio::append(std::move(handler_), std::move(error), std::move(results)...);
    if (inside) {
      asio::dispatch(loop.executor(), std::move(bound));
    } else {
      asio::post(loop.executor(), std::move(bound));
    }
  }

 private:
  /// Clears the caller's cancellation slot, whose content refers to this call and must not outlive it.
  void forget_slot() noexcept {
    if (!handler_) return;
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.clear();
  }

  asio::any_completion_handler<void(std::exception_ptr, Results...)> handler_;
  asio::any_completion_executor elsewhere_;  // empty: the handler belongs to the loop's executor
};

}  // namespace copg::async
