// PostgreSQL's numbers of the types that this library knows. They never change (src/include/catalog/
// pg_type.dat). Values of other types travel as text.
#pragma once

#include <cstdint>
#include <string>

#pragma GCC visibility push(default)
namespace copg {

/// The number of a type in pg_type; 0: the server infers the type.
using Oid = std::uint32_t;

namespace oid {
inline constexpr Oid inferred = 0;
inline constexpr Oid boolean = 16;
inline constexpr Oid bytea = 17;
inline constexpr Oid int8 = 20;
inline constexpr Oid int2 = 21;
inline constexpr Oid int4 = 23;
inline constexpr Oid text = 25;
inline constexpr Oid oid = 26;
inline constexpr Oid json = 114;
inline constexpr Oid float4 = 700;
inline constexpr Oid float8 = 701;
inline constexpr Oid box_array = 1020;
inline constexpr Oid date = 1082;
inline constexpr Oid time = 1083;
inline constexpr Oid timestamp = 1114;
inline constexpr Oid timestamptz = 1184;
inline constexpr Oid interval = 1186;
inline constexpr Oid numeric = 1700;
inline constexpr Oid uuid = 2950;
inline constexpr Oid jsonb = 3802;
}  // namespace oid

/// The name that SQL uses ("bigint", "text[]"), or "type 12345" for one that is not built in.
[[nodiscard]] std::string type_name(Oid type);
/// The array type over `element`; 0 if that is not known.
[[nodiscard]] Oid array_of(Oid element) noexcept;
/// The type of the elements of an array type; 0 if `array` is not a known one.
[[nodiscard]] Oid element_of(Oid array) noexcept;

}  // namespace copg
#pragma GCC visibility pop
