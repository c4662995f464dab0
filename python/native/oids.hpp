// The numbers of PostgreSQL's types that the C++ face leaves to the server.
#pragma once

#include <copg/oid.hpp>

namespace copg::oid {

inline constexpr Oid box = 603;
inline constexpr Oid cidr = 650;
inline constexpr Oid inet = 869;
inline constexpr Oid timetz = 1266;
inline constexpr Oid int4range = 3904;
inline constexpr Oid numrange = 3906;
inline constexpr Oid tsrange = 3908;
inline constexpr Oid tstzrange = 3910;
inline constexpr Oid daterange = 3912;
inline constexpr Oid int8range = 3926;
inline constexpr Oid int4multirange = 4451;
inline constexpr Oid nummultirange = 4532;
inline constexpr Oid tsmultirange = 4533;
inline constexpr Oid tstzmultirange = 4534;
inline constexpr Oid datemultirange = 4535;
inline constexpr Oid int8multirange = 4536;

}  // namespace copg::oid

namespace copg::python {

/// The type of an array over `element`; 0, for the server to infer, when that is 0 or unknown.
inline Oid array_type_of(Oid element) noexcept {
  return element == oid::inferred ? oid::inferred : array_of(element);
}

}  // namespace copg::python
