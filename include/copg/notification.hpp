// What a listener gives: notifications, and gaps between them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#pragma GCC visibility push(default)
namespace copg {

/// What NOTIFY, or `notify`, has sent.
struct Notification {
  std::string channel;
  std::string payload;  ///< Empty if NOTIFY gave none. At most 7,999 bytes.
  int pid = 0;          ///< Of the server's process that sent it.

  friend bool operator==(const Notification&, const Notification&) = default;
};

/// Here notifications are missing, or may be: look for what they would have told.
struct Gap {
  /// Notifications that came while the listener's queue was full. They stood here, and are gone.
  std::uint64_t dropped = 0;
  /// The connection was lost and replaced: nobody knows what was sent meanwhile. All that is sent from now on
  /// is heard.
  bool reconnected = false;

  friend bool operator==(const Gap&, const Gap&) = default;
};

/// One of the two, in the order in which they came.
using Arrival = std::variant<Notification, Gap>;

}  // namespace copg
#pragma GCC visibility pop
