// The numbers of PostgreSQL's types that the C++ face leaves to the server.
#pragma once

#include <copg/oid.hpp>

namespace copg::oid {

inline constexpr Oid box = 603;
inline constexpr Oid cidr = 650;
inline constexpr Oid inet = 869;
inline constexpr Oid timetz = 1266;

}  // namespace copg::oid

namespace copg::python {

/// The type of an array over `element`; 0, for the server to infer, when that is 0 or unknown.
inline Oid array_type_of(Oid element) noexcept {
  return element == oid::inferred ? oid::inferred : array_of(element);
}

}  // namespace copg::python
