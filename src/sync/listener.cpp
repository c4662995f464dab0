// A listener, for threads.
#include <copg/listener.hpp>

#include <copg/error.hpp>

#include <utility>

#include "sync/call.hpp"

namespace copg {

Listener::Listener(std::shared_ptr<engine::OpenListener> open) noexcept : open_(std::move(open)) {}
Listener::Listener(Listener&&) noexcept = default;

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  close();
  open_ = std::move(other.open_);
  return *this;
}

Listener::~Listener() { close(); }

engine::OpenListener& Listener::open() const {
  if (!open_) throw UsageError("this listener was moved away: use the one that it was moved to");
  return *open_;
}

std::optional<Arrival> Listener::next(Deadline deadline) { return sync::next_arrival(open(), deadline.at()); }

void Listener::add(const std::string& channel, std::optional<Deadline> deadline) {
  engine::OpenListener& listener = open();
  const engine::TimeLimit limit =
      deadline ? engine::TimeLimit::until(deadline->at()) : listener.engine().timeout();
  sync::add_channels(listener, {channel}, limit);
}

void Listener::remove(const std::string& channel) { open().remove({channel}); }

std::vector<std::string> Listener::channels() const { return open().channels(); }

void Listener::close() noexcept {
  if (open_) open_->close();
}

}  // namespace copg
