#include "sim/engine/ear.hpp"

#include <algorithm>
#include <cstdlib>
#include <variant>

namespace copg::sim {

void Ear::wants(const std::string& channel) { heard_[channel].wanted = true; }

void Ear::ready() {
  for (auto& [channel, heard] : heard_) {
    if (!heard.wanted || heard.required) continue;
    heard.required = true;
    heard.baseline = world_.last_sent(channel);
  }
}

void Ear::leaves(const std::string& channel) { heard_[channel].required = false; }

void Ear::left(const std::string& channel) {
  Heard& heard = heard_[channel];
  heard.wanted = heard.required = false;
  heard.end = world_.last_sent(channel);
}

void Ear::hear(const Arrival& arrival) {
  if (const auto* notification = std::get_if<Notification>(&arrival)) return hear(*notification);
  const Gap& gap = std::get<Gap>(arrival);
  if (!gap.reconnected && gap.dropped == 0) world_.breaks("listener", "a gap has no reason");
  for (auto& [channel, heard] : heard_) heard.gap = true;
}

void Ear::hear(const Notification& notification) {
  const auto number = static_cast<std::uint32_t>(std::strtoul(notification.payload.c_str(), nullptr, 10));
  Heard& heard = heard_[notification.channel];
  if (number <= heard.last) world_.breaks("listener", "a notification was heard twice, or too late");
  if (!heard.wanted && number > heard.end)
    world_.breaks("listener", "a notification was heard of a channel that the listener has left");
  if (heard.required && !heard.gap && number > std::max(heard.last, heard.baseline) + 1)
    world_.breaks("listener", "notifications are missing, and no gap tells of it");
  heard.last = number;
  heard.gap = false;
}

bool Ear::wants_now(const std::string& channel) const {
  const auto found = heard_.find(channel);
  return found != heard_.end() && found->second.wanted;
}

bool Ear::up_to_date(const std::string& channel) const {
  return heard_.at(channel).last == world_.last_sent(channel);
}

bool Ear::in_gap(const std::string& channel) const { return heard_.at(channel).gap; }

std::vector<std::string> Ear::channels() const {
  std::vector<std::string> wanted;
  for (const auto& [channel, heard] : heard_) {
    if (heard.wanted) wanted.push_back(channel);
  }
  return wanted;
}

std::vector<std::string> choose_channels(World& world) {
  std::vector<std::string> chosen = {all_channels[world.choose(all_channels.size())]};
  const std::string other = all_channels[world.choose(all_channels.size())];
  if (other != chosen.front()) chosen.push_back(other);
  return chosen;
}

std::size_t choose_queue(World& world) { return world.once_in(2) ? 100 : 1 + world.choose(3); }

}  // namespace copg::sim
