// What must hold of each call in a run of the engine, on whatever it waits.
#pragma once

#include <copg/error.hpp>

#include <cstdint>
#include <exception>

#include "sim/engine/world.hpp"

namespace copg::sim {

class Judge {
 public:
  explicit Judge(World& world) : world_(world) {}

  /// From now on the server is well, and nobody is kept waiting.
  void begin_recovery() noexcept {
    recovering_ = true;
    recovery_began_ = world_.now;
  }

  /// What is known of a call.
  struct Case {
    std::uint32_t token = 0;           // 0: it has no statement
    TimePoint due = pool::never;       // its deadline
    bool was_cancelled = false;        // its caller has given it up
    bool asked_for_no_effect = false;  // likewise, and wanted it to have none
    bool on_thread = false;
  };
  void ended(const Case& call);
  void answered(const Case& call, bool right);
  void failed(const Case& call, const Error& error);

  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
  void digest(std::uint64_t value) noexcept { digest_ = (digest_ ^ value) * 0x100000001B3; }  // FNV-1a

 private:
  World& world_;
  std::uint64_t digest_ = 0xCBF29CE484222325;
  bool recovering_ = false;
  TimePoint recovery_began_{};
};

}  // namespace copg::sim
