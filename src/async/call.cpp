#include "async/call.hpp"

#include <utility>

namespace copg::async {

Call::Call(std::shared_ptr<Loop> loop, Duration timeout, Ends ends)
    : Pending(std::move(loop)),
      begin_(engine::now()),
      deadline_(engine::after(begin_, timeout)),
      ends_(ends) {}

void Call::start() noexcept {
  take(false, [this] { return begin(begin_, deadline_); });
}

void Call::go_on(bool inside) {
  take(inside, [this] { return granted(engine::now()); });
}

/// Takes one step, and waits for whatever it says.
template <class Step>
void Call::take(bool inside, Step step) {
  Progress progress = Progress::done;
  std::exception_ptr error;
  try {
    progress = step();
    if (progress == Progress::done) take_result();
  } catch (...) {
    progress = Progress::done;
    error = std::current_exception();
  }
  switch (progress) {
    case Progress::queued: return queue();
    case Progress::waiting: return wait(inside);
    case Progress::done: return end(inside, std::move(error));
  }
}

void Call::wait(bool inside) {
  const pq::Step& step = lease_call().step();
  const Lease& lease = lease_call().lease();
  // From here on bytes may have been sent, so that the lease stays with this connection to the end.
  if (ends_ == Ends::inside_lease && !std::exchange(driven_, true)) engine().drive(lease, *this, deadline_);
  Word word = Word::none;
  std::exception_ptr error;
  try {
    asio::posix::stream_descriptor& descriptor = engine().descriptor(lease, loop().executor(), step.fd);
    const std::lock_guard lock(mutex_);
    word = word_;
    if (word == Word::none) {
      state_ = State::waiting;
      descriptor_ = &descriptor;
      ++round_;
      if (step.wait_for != pq::Ready::write)
        wait_for(asio::posix::stream_descriptor::wait_read, pq::Ready::read);
      if (step.wait_for != pq::Ready::read)
        wait_for(asio::posix::stream_descriptor::wait_write, pq::Ready::write);
    }
  } catch (...) {  // out of descriptors or memory
    error = std::current_exception();
  }
  if (error) {
    end(inside, std::move(error));
  } else if (word != Word::none) {
    end_early(inside, word);
  }
}

void Call::wait_for(asio::posix::stream_descriptor::wait_type type, pq::Ready ready) {
  descriptor_->async_wait(type, [self = boost::intrusive_ptr<Call>(this), round = round_,
                                 ready](const boost::system::error_code&) { self->ready(round, ready); });
}

void Call::ready(std::uint32_t round, pq::Ready ready) {
  Word word = Word::none;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::waiting || round != round_) return;
    state_ = State::running;
    word = word_;
    if (lease_call().step().wait_for == pq::Ready::read_write) descriptor_->cancel();  // the other one
  }
  if (word != Word::none) return end_early(true, word);
  // Those whose answers have come along complete right after this one, in their order.
  const std::shared_ptr<Loop> loop = shared_loop();
  Handful passengers(*loop);
  take(true, [&] { return lease_call().advance(ready); });
  passengers.proceed(true);
}

void Call::stop(engine::StopReason why) noexcept {
  const std::lock_guard lock(mutex_);
  if (state_ == State::over || word_ != Word::none) return;
  word_ = why == engine::StopReason::late ? Word::late : Word::cut;
  if (state_ == State::waiting) interrupt();
}

void Call::leave_queue() noexcept {
  Lease granted;
  if (engine().give_up(granted, waiter())) engine().release(granted);
}

bool Call::leave_queue_unsent() noexcept {
  Lease granted;
  if (!engine().give_up_unsent(granted, waiter())) return false;
  engine().release(granted);
  return true;
}

void Call::end_early(bool inside, Word word) {
  if (word == Word::cancelled) return end(inside, aborted());
  end(inside, make_exception(engine().undone(lease_call(), word == Word::cut, engine::now() - begin_)));
}

void Call::end(bool inside, std::exception_ptr error) {
  if (inside) {
    // Whoever is granted the connection sends its statement before the handler takes the time it needs.
    Handful next(loop());
    clean_up();
    next.proceed(false);
  } else {
    clean_up();
  }
  complete(inside, std::move(error));
}

void Call::clean_up() noexcept {
  if (std::exchange(clean_, true)) return;
  set_over();
  if (std::exchange(driven_, false)) engine().drive_no_more(lease_call().lease());
  give_back();
}

}  // namespace copg::async
