// pycopg._native.Deadline, and what `timeout=` takes: seconds, or a Deadline. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/deadline.hpp>
#include <copg/pool_options.hpp>

#include <optional>

namespace copg::python {

namespace nb = nanobind;

/// What was given as `timeout`. Seconds count from when they are asked for, a Deadline stays what it is.
class Timeout {
 public:
  /// TypeError, or ValueError unless it is at least 0 s, that say so.
  explicit Timeout(nb::handle given);

  /// None was given: the default counts.
  [[nodiscard]] bool is_default() const noexcept { return !span_ && !deadline_; }
  [[nodiscard]] std::optional<Deadline> from_now() const;
  /// Seconds, or what is left of the Deadline.
  [[nodiscard]] std::optional<Seconds> seconds() const;

 private:
  std::optional<Seconds> span_;
  std::optional<Deadline> deadline_;
};

/// Of a call that begins now; nothing for None.
[[nodiscard]] inline std::optional<Deadline> deadline_of(nb::handle timeout) {
  if (timeout.is_none()) [[likely]]
    return std::nullopt;
  return Timeout(timeout).from_now();
}

void bind_deadline(nb::module_& module);

}  // namespace copg::python
