#include <copg/codec/range.hpp>

#include <algorithm>
#include <iterator>

namespace copg::detail {
namespace {

struct RangeType {
  Oid bound;
  Oid range;
  Oid multirange;
};

/// src/include/catalog/pg_type.dat and pg_range.dat
constexpr RangeType range_types[] = {
    {oid::int4, 3904, 4451},      {oid::int8, 3926, 4536},        {oid::numeric, 3906, 4532},
    {oid::timestamp, 3908, 4533}, {oid::timestamptz, 3910, 4534}, {oid::date, 3912, 4535},
};

Oid looked_up(Oid type, Oid RangeType::*from, Oid RangeType::*to) noexcept {
  const auto* const found =
      std::ranges::find_if(range_types, [&](const RangeType& known) { return known.*from == type; });
  return found != std::end(range_types) ? found->*to : oid::inferred;
}

}  // namespace

Oid bound_of(Oid range) noexcept { return looked_up(range, &RangeType::range, &RangeType::bound); }

Oid range_over(Oid bound) noexcept {
  if (bound == oid::int4 || bound == oid::int8) return oid::inferred;
  return looked_up(bound, &RangeType::bound, &RangeType::range);
}

Oid range_of(Oid multirange) noexcept {
  return looked_up(multirange, &RangeType::multirange, &RangeType::range);
}

Oid multirange_over(Oid range) noexcept {
  return looked_up(range, &RangeType::range, &RangeType::multirange);
}

}  // namespace copg::detail
