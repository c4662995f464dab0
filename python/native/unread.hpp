// pycopg._native.Unread: the rows of a call of asyncio whose types are not known yet. Its task looks them up,
// and then reads them. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <functional>
#include <utility>
#include <vector>

#include "python/native/types.hpp"

namespace copg::python {

namespace nb = nanobind;

class Unread {
 public:
  explicit Unread(std::function<nb::object()> read) : read_(std::move(read)) {}
  /// What the call gives. What is still not known is read as without a registry. Once.
  nb::object read() { return std::exchange(read_, nullptr)(); }

 private:
  std::function<nb::object()> read_;
};

/// Throws TypesUnknown.
template <class Read>
[[noreturn, gnu::cold]] void throw_unread(const std::vector<Oid>& unknown, Read read) {
  throw TypesUnknown{unknown, nb::cast(new Unread(std::move(read)), nb::rv_policy::take_ownership), {}};
}

}  // namespace copg::python
