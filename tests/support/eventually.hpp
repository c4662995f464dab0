// Waiting in tests: for a condition, with a deadline, never for a time.
#pragma once

#include <chrono>
#include <thread>

namespace copg::test {

inline constexpr std::chrono::seconds patience{20};

/// True as soon as `condition()` is; false when it has not become true within `limit`.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds limit = patience) {
  constexpr std::chrono::milliseconds between_looks{1};
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(between_looks);
  }
  return true;
}

/// How long `body()` took.
template <class Body>
[[nodiscard]] std::chrono::duration<double> time_of(Body body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::steady_clock::now() - begin;
}

}  // namespace copg::test
