#include "pool/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace copg::pool {

std::uint64_t TimerWheel::unit_of(TimePoint time) const {
  if (time <= start_) return 0;
  return static_cast<std::uint64_t>((time - start_).count()) >> resolution_bits;
}

void TimerWheel::place(std::uint32_t timer) {
  const std::uint64_t unit = std::max(unit_of(timers_[timer].deadline), present_);
  const auto highest = static_cast<unsigned>(std::bit_width((unit ^ present_) | 1U)) - 1U;
  const unsigned level = highest / digit_bits;
  const auto bucket = static_cast<unsigned>(unit >> (level * digit_bits)) % buckets;
  timers_[timer].level = static_cast<std::uint8_t>(level);
  timers_[timer].bucket = static_cast<std::uint8_t>(bucket);
  wheel_[level][bucket].push_back(timers_, timer);
  occupied_[level] |= std::uint64_t{1} << bucket;
}

void TimerWheel::unlink(std::uint32_t timer) {
  const Timer& it = timers_[timer];
  Bucket& bucket = wheel_[it.level][it.bucket];
  bucket.erase(timers_, timer);
  if (bucket.empty()) occupied_[it.level] &= ~(std::uint64_t{1} << it.bucket);
}

void TimerWheel::add(std::uint32_t timer, TimePoint deadline) {
  timers_[timer].deadline = deadline;
  if (deadline != never) place(timer);
}

void TimerWheel::remove(std::uint32_t timer) {
  if (timers_[timer].deadline != never) unlink(timer);
}

/// The level that holds the earliest bucket: timers on a level share all higher digits with the present, so a
/// lower level is always earlier. `levels` if no timer is set.
unsigned TimerWheel::lowest_level() const {
  unsigned level = 0;
  while (level < levels && occupied_[level] == 0) ++level;
  return level;
}

std::uint64_t TimerWheel::first_unit(unsigned level, unsigned bucket) const {
  const unsigned shift = level * digit_bits;
  const std::uint64_t above =
      shift + digit_bits >= 64 ? 0 : present_ >> (shift + digit_bits) << (shift + digit_bits);
  return above | (std::uint64_t{bucket} << shift);
}

std::optional<std::uint32_t> TimerWheel::expire(TimePoint now) {
  const std::uint64_t now_unit = unit_of(now);
  for (;;) {
    const unsigned level = lowest_level();
    if (level == levels) break;
    const auto bucket = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    const std::uint64_t begins = first_unit(level, bucket);
    if (begins > now_unit) break;
    present_ = std::max(present_, begins);
    Bucket& list = wheel_[level][bucket];
    if (level > 0) {  // its digit is reached: its timers move down
      while (!list.empty()) {
        const std::uint32_t timer = list.front();
        unlink(timer);
        place(timer);
      }
      continue;
    }
    for (std::uint32_t timer = list.front(); timer != no_index; timer = Bucket::next(timers_, timer)) {
      if (timers_[timer].deadline > now) continue;
      unlink(timer);
      return timer;
    }
    return std::nullopt;  // the bucket of the present: its other timers are due within it
  }
  present_ = std::max(present_, now_unit);
  return std::nullopt;
}

TimePoint TimerWheel::next() const {
  const unsigned level = lowest_level();
  if (level == levels) return never;
  const auto bucket = static_cast<unsigned>(std::countr_zero(occupied_[level]));
  const std::uint64_t begins = first_unit(level, bucket);
  if (begins > present_) return start_ + Duration(static_cast<Duration::rep>(begins << resolution_bits));
  TimePoint earliest = never;
  const Bucket& list = wheel_[level][bucket];
  for (std::uint32_t timer = list.front(); timer != no_index; timer = Bucket::next(timers_, timer)) {
    earliest = std::min(earliest, timers_[timer].deadline);
  }
  return earliest;
}

}  // namespace copg::pool
