#include "engine/listening/listening_core.hpp"

#include <algorithm>
#include <utility>

namespace copg::engine {

// --- a queue

Gap& ArrivalQueue::gap_at_end() {
  if (arrivals_.empty() || !std::holds_alternative<Gap>(arrivals_.back())) arrivals_.emplace_back(Gap{});
  return std::get<Gap>(arrivals_.back());
}

ArrivalQueue::Pushed ArrivalQueue::push(const Notification& notification) {
  if (notifications_ == capacity_) return ++gap_at_end().dropped == 1 ? Pushed::gap_begins : Pushed::dropped;
  arrivals_.emplace_back(notification);
  ++notifications_;
  return Pushed::kept;
}

std::optional<Arrival> ArrivalQueue::take() {
  if (arrivals_.empty()) return std::nullopt;
  std::optional<Arrival> first(std::move(arrivals_.front()));
  arrivals_.pop_front();
  if (std::holds_alternative<Notification>(*first)) --notifications_;
  return first;
}

// --- what is known of a listener

bool ListeningCore::ready(const Listener& listener) const {
  return acknowledged_ && std::ranges::includes(listened_, listener.channels);
}

bool ListeningCore::ready(Id listener) const { return ready(listeners_.at(listener)); }

const ErrorInfo* ListeningCore::refusal(Id listener) const {
  const auto& refusal = listeners_.at(listener).refusal;
  return refusal ? &*refusal : nullptr;
}

bool ListeningCore::somebody_waits() const {
  return std::ranges::any_of(listeners_, [](const auto& it) { return !it.second.established; });
}

pool::TimePoint ListeningCore::next_deadline() const {
  if (phase_ != Phase::absent || !wanted()) return pool::never;
  return backoff_.retry_at(somebody_waits());
}

// --- commands

ListeningCore::Id ListeningCore::open(std::vector<std::string> channels, std::size_t capacity) {
  const Id id = ++last_id_;
  listeners_.emplace(id, Listener{.channels = {}, .queue = ArrivalQueue(capacity)});
  for (std::string& channel : channels) add(id, std::move(channel));
  note_if_ready(id, listeners_.at(id));
  return id;
}

void ListeningCore::add(Id listener, std::string channel) {
  wanted_[channel].insert(listener);
  listeners_.at(listener).channels.insert(std::move(channel));
}

void ListeningCore::remove(Id listener, std::string_view channel) {
  Channels& channels = listeners_.at(listener).channels;
  const auto found = channels.find(channel);
  if (found == channels.end()) return;
  const auto wanted = wanted_.find(channel);
  wanted->second.erase(listener);
  if (wanted->second.empty()) wanted_.erase(wanted);
  channels.erase(found);
  note_if_ready(listener, listeners_.at(listener));
}

void ListeningCore::close(Id listener) {
  const Channels channels = listeners_.at(listener).channels;
  for (const std::string& channel : channels) remove(listener, channel);
  listeners_.erase(listener);
  touch(listener);
}

void ListeningCore::end() {
  ended_ = true;
  for (const auto& [id, listener] : listeners_) touch(id);
}

std::vector<ListeningCore::Id> ListeningCore::take_touched() {
  std::vector<Id> touched(touched_.begin(), touched_.end());
  touched_.clear();
  return touched;
}

// --- what is to be done

bool ListeningCore::all_sent() const {
  return acknowledged_ && wanted_.size() == listened_.size() &&
         std::ranges::equal(
             wanted_, listened_, {}, [](const auto& it) -> auto& { return it.first; });
}

ListeningCore::Action ListeningCore::next(TimePoint now) {
  if (phase_ == Phase::absent) {
    renew_ = false;
    if (!wanted() || now < backoff_.retry_at(somebody_waits())) return {};
    phase_ = Phase::connecting;
    return {.kind = Action::Kind::connect};
  }
  if (!wanted() || renew_) {
    renew_ = false;
    connection_gone();
    return {.kind = Action::Kind::close};
  }
  if (phase_ != Phase::idle || all_sent()) return {};
  Action action{.kind = Action::Kind::send};
  for (const auto& [channel, listeners] : wanted_) {
    if (!listened_.contains(channel)) action.listen.push_back(channel);
  }
  for (const std::string& channel : listened_) {
    if (!wanted_.contains(channel)) action.unlisten.push_back(channel);
  }
  for (const std::string& channel : action.unlisten) listened_.erase(channel);
  sending_ = action.listen;
  phase_ = Phase::sending;
  return action;
}

// --- what has become of it

/// Those that have been ready will be told that they have missed something, once they hear again: then what
/// they look for in the database, and what they hear, leave nothing out between them.
void ListeningCore::connection_gone() {
  phase_ = Phase::absent;
  acknowledged_ = false;
  listened_.clear();
  sending_.clear();
  for (auto& [id, listener] : listeners_) listener.missed = listener.missed || listener.established;
}

void ListeningCore::refuse_new_listeners(const ErrorInfo& error) {
  for (auto& [id, listener] : listeners_) {
    if (listener.established || listener.refusal) continue;
    listener.refusal = error;
    touch(id);
  }
}

void ListeningCore::on_connected() { phase_ = Phase::idle; }

void ListeningCore::on_connect_failed(TimePoint now, pool::ConnectFailure failure, ErrorInfo error) {
  connection_gone();
  backoff_.failed(now, failure, random_);
  if (failure == pool::ConnectFailure::configuration) refuse_new_listeners(error);
  error_ = std::move(error);
}

void ListeningCore::on_refused(TimePoint now, ErrorInfo error) {
  connection_gone();
  backoff_.failed(now, pool::ConnectFailure::configuration, random_);
  refuse_new_listeners(error);
  error_ = std::move(error);
}

void ListeningCore::on_lost(TimePoint now, ErrorInfo error) {
  if (acknowledged_) ++lost_;
  backoff_.failed(now, pool::ConnectFailure::transient, random_);  // at first some milliseconds
  connection_gone();
  error_ = std::move(error);
}

void ListeningCore::on_acknowledged() {
  phase_ = Phase::idle;
  acknowledged_ = true;
  backoff_.succeeded();
  error_.reset();
  listened_.insert(sending_.begin(), sending_.end());
  sending_.clear();
  for (auto& [id, listener] : listeners_) {
    // All that it heard before is heard again, also if a channel that was added since is not.
    if (std::exchange(listener.missed, false)) {
      listener.queue.push_reconnected();
      gaps_.push_back({.reconnected = true, .channels = listener.channels});
      touch(id);
    }
    note_if_ready(id, listener);
  }
}

void ListeningCore::note_if_ready(Id id, Listener& listener) {
  if (!ready(listener)) return;
  touch(id);
  listener.established = true;
  listener.refusal.reset();
}

void ListeningCore::on_notifications(const std::vector<Notification>& notifications) {
  for (const Notification& notification : notifications) {
    ++received_;
    const auto wanted = wanted_.find(notification.channel);
    if (wanted == wanted_.end()) continue;  // UNLISTEN is on its way
    for (const Id id : wanted->second) {
      Listener& listener = listeners_.at(id);
      const auto pushed = listener.queue.push(notification);
      if (pushed != ArrivalQueue::Pushed::kept) ++dropped_;
      if (pushed == ArrivalQueue::Pushed::gap_begins) gaps_.push_back({.channels = listener.channels});
      touch(id);
    }
  }
}

}  // namespace copg::engine
