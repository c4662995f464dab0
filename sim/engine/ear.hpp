// What a listener has heard in the engine's simulation, and what it must hear: each notification of its
// channels once, in their order, or a gap in the place of those that are missing.
#pragma once

#include <copg/notification.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/engine/world.hpp"

namespace copg::sim {

/// All that there are.
inline constexpr std::array<const char*, 3> all_channels = {"a", "b", "c"};

class Ear {
 public:
  /// The listener is being told to listen to this channel.
  void wants(const std::string& channel);
  /// The server has acknowledged all that it wants: whatever is sent from now on is heard.
  void ready();
  /// The listener is about to be told to listen to it no more,
  void leaves(const std::string& channel);
  /// and was told.
  void left(const std::string& channel);
  void hear(const Arrival& arrival);

  [[nodiscard]] bool wants_now(const std::string& channel) const;
  /// It has heard the last that was sent.
  [[nodiscard]] bool up_to_date(const std::string& channel) const;
  /// A gap was the last that it heard, so far as this channel is concerned.
  [[nodiscard]] bool in_gap(const std::string& channel) const;
  [[nodiscard]] std::vector<std::string> channels() const;

 private:
  struct Heard {
    bool wanted = false;
    bool required = false;   // from `baseline` on
    bool gap = false;        // since the last one
    std::uint32_t last = 0;  // notification that was heard
    std::uint32_t baseline = 0;
    std::uint32_t end = 0;  // the last one that could be heard, once it was left
  };
  void hear(const Notification& notification);

  World& world_ = World::here();
  std::map<std::string, Heard> heard_;
};

/// One or two channels, chosen by the world.
[[nodiscard]] std::vector<std::string> choose_channels(World& world);
/// How many notifications a listener keeps.
[[nodiscard]] std::size_t choose_queue(World& world);

}  // namespace copg::sim
