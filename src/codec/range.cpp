#include <copg/codec/range.hpp>

namespace copg::detail {
namespace {

// src/include/catalog/pg_type.dat
constexpr Oid int4range = 3904, numrange = 3906, tsrange = 3908, tstzrange = 3910, daterange = 3912,
              int8range = 3926;

}  // namespace

Oid bound_of(Oid range) noexcept {
  switch (range) {
    case int4range: return oid::int4;
    case int8range: return oid::int8;
    case numrange: return oid::numeric;
    case tsrange: return oid::timestamp;
    case tstzrange: return oid::timestamptz;
    case daterange: return oid::date;
    default: return oid::inferred;
  }
}

Oid range_over(Oid bound) noexcept {
  switch (bound) {
    case oid::numeric: return numrange;
    case oid::timestamp: return tsrange;
    case oid::timestamptz: return tstzrange;
    case oid::date: return daterange;
    default: return oid::inferred;
  }
}

}  // namespace copg::detail
