// Dictionaries for rows: all with the same keys.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <span>

namespace copg::python {

namespace nb = nanobind;

/// Makes them. Those of many rows share their keys, as the `__dict__` of a class's instances do: half of the
/// memory, whose pages cost more than all the rest, and none of the growing. Needs the GIL.
class KeySharingDicts {
 public:
  /// For so many rows. A name that comes twice is one key.
  KeySharingDicts(std::span<const nb::object> names, std::size_t rows);

  /// A new one, in which each name is to be set.
  [[nodiscard]] nb::object make() const;

 private:
  std::size_t keys_;
  nb::object shared_;  // to be copied, if there is one
};

}  // namespace copg::python
