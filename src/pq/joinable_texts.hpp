// What is thought of the tables of plain INSERTs: whether their rows may be joined. A hint, which the server
// confirms in each call before anything is kept; so a stale or a mistaken one costs time only.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace copg::pq {

/// One for all connections of a pool. Thread-safe.
class JoinableTexts {
 public:
  enum class Hint : std::uint8_t {
    none,    ///< Not asked yet, or long ago.
    fits,    ///< The table took joined rows.
    misfit,  ///< It must not.
  };
  /// How often a misfit is believed before the server is asked again.
  static constexpr unsigned uses_of_misfit = 100;

  /// `text`: a hash of it.
  [[nodiscard]] Hint ask(std::uint64_t text) noexcept {
    std::atomic<std::uint64_t>& place = place_of(text);
    const std::uint64_t found = place.load(std::memory_order_relaxed);
    if ((found & ~state_bits) != key_of(text)) return Hint::none;
    const std::uint64_t state = found & state_bits;
    if (state == fits) return Hint::fits;
    if (state == 0) return Hint::none;
    place.store(found - 1, std::memory_order_relaxed);
    return Hint::misfit;
  }
  void note(std::uint64_t text, bool joinable) noexcept {
    place_of(text).store(key_of(text) | (joinable ? fits : uses_of_misfit), std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint64_t state_bits = 0xFF;
  static constexpr std::uint64_t fits = 0xFF;
  static_assert(uses_of_misfit < fits);

  static constexpr std::uint64_t key_of(std::uint64_t text) noexcept { return text & ~state_bits; }
  std::atomic<std::uint64_t>& place_of(std::uint64_t text) noexcept {
    constexpr unsigned state_width = 8;
    return places_[(text >> state_width) % places_.size()];
  }

  std::array<std::atomic<std::uint64_t>, 251> places_{};
};

}  // namespace copg::pq
