#include "async/pending.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace copg::async {

std::exception_ptr aborted() {
  return std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
}

void Pending::queue() {
  Word word = Word::none;
  bool woken = false;
  {
    const std::lock_guard lock(mutex_);
    word = word_;
    woken = std::exchange(woken_early_, false);
    if (word == Word::none) {
      state_ = State::queued;
      if (!woken) loop_->keep(*this);
    }
  }
  if (word != Word::none) {
    leave_queue();
    end_early(false, word);
  } else if (woken) {
    loop_->wake(*this);
  }
}

void Pending::proceed(bool inside) {
  Word word = Word::none;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::running) woken_early_ = true;
    if (state_ != State::queued) return;
    state_ = State::running;
    loop_->forget(*this);
    word = word_;
  }
  if (word == Word::none) {
    go_on(inside);
  } else {
    end_early(inside, word);
  }
}

void Pending::cancel(asio::cancellation_type type) noexcept {
  using asio::cancellation_type;
  const bool also_under_way =
      (type & (cancellation_type::terminal | cancellation_type::partial)) != cancellation_type::none;
  const boost::intrusive_ptr<Pending> self(this);
  if (!also_under_way) return cancel_unsent();
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::over || word_ != Word::none) return;
    word_ = Word::cancelled;
    if (state_ == State::waiting) interrupt();
    if (state_ != State::queued) return;
  }
  leave_queue();
  loop_->wake(*this);
}

/// What asks for no effect at all comes too late once a statement was sent, also behind another caller's. The
/// engine knows; while it is asked nobody goes on with the call.
void Pending::cancel_unsent() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::queued || word_ != Word::none) return;
    state_ = State::running;
  }
  const bool left = leave_queue_unsent();
  bool told_to_end = false;
  bool woken = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::over) return;  // the event loop has gone away
    told_to_end = word_ != Word::none;
    if (left) word_ = Word::cancelled;
    state_ = State::queued;
    woken = std::exchange(woken_early_, false);
  }
  if (told_to_end && !left) leave_queue();
  if (left || told_to_end || woken) loop_->wake(*this);
}

void Pending::set_over() noexcept {
  const std::lock_guard lock(mutex_);
  state_ = State::over;
}

void Pending::abandon() noexcept {
  set_over();
  leave_queue();
}

}  // namespace copg::async
