// How a thread sleeps: on a word in memory, or until one descriptor is ready.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>

#include "os/clock.hpp"

namespace copg::os {

/// Sleeps while the word is `value`, until it is woken, a signal comes or the deadline has passed;
/// TimePoint::max() is never. May return for no reason.
void sleep_on(const std::atomic<std::uint32_t>& word, std::uint32_t value, TimePoint deadline) noexcept;
/// Wakes one thread that sleeps on the word at this address, where the word may be gone by now.
void wake_one_on(const void* word) noexcept;

/// Waits in poll(2), or in one of its kind that counts in nanoseconds, for `limit` at most, which is not
/// below 0. As poll(2) returns: 0 when the time is up, -1 for a signal.
int poll_one(pollfd& one, Duration limit) noexcept;

}  // namespace copg::os
