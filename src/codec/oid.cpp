// The types that come with PostgreSQL: their names and arrays.
#include <copg/oid.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace copg {
namespace {

struct Type {
  Oid oid;
  Oid array;
  std::string_view name;
};

/// pg_type.dat of PostgreSQL 15: what a column of a user's table can have. Sorted by `oid`.
constexpr Type types[] = {
    {16, 1000, "boolean"},
    {17, 1001, "bytea"},
    {18, 1002, "\"char\""},
    {19, 1003, "name"},
    {20, 1016, "bigint"},
    {21, 1005, "smallint"},
    {23, 1007, "integer"},
    {24, 1008, "regproc"},
    {25, 1009, "text"},
    {26, 1028, "oid"},
    {27, 1010, "tid"},
    {28, 1011, "xid"},
    {29, 1012, "cid"},
    {114, 199, "json"},
    {142, 143, "xml"},
    {600, 1017, "point"},
    {601, 1018, "lseg"},
    {602, 1019, "path"},
    {603, 1020, "box"},
    {604, 1027, "polygon"},
    {628, 629, "line"},
    {650, 651, "cidr"},
    {700, 1021, "real"},
    {701, 1022, "double precision"},
    {705, 0, "unknown"},
    {718, 719, "circle"},
    {774, 775, "macaddr8"},
    {790, 791, "money"},
    {829, 1040, "macaddr"},
    {869, 1041, "inet"},
    {1042, 1014, "character"},
    {1043, 1015, "character varying"},
    {1082, 1182, "date"},
    {1083, 1183, "time"},
    {1114, 1115, "timestamp"},
    {1184, 1185, "timestamp with time zone"},
    {1186, 1187, "interval"},
    {1266, 1270, "time with time zone"},
    {1560, 1561, "bit"},
    {1562, 1563, "bit varying"},
    {1700, 1231, "numeric"},
    {2205, 2210, "regclass"},
    {2206, 2211, "regtype"},
    {2249, 2287, "record"},
    {2278, 0, "void"},
    {2950, 2951, "uuid"},
    {3220, 3221, "pg_lsn"},
    {3614, 3643, "tsvector"},
    {3615, 3645, "tsquery"},
    {3802, 3807, "jsonb"},
    {3904, 3905, "int4range"},
    {3906, 3907, "numrange"},
    {3908, 3909, "tsrange"},
    {3910, 3911, "tstzrange"},
    {3912, 3913, "daterange"},
    {3926, 3927, "int8range"},
    {4072, 4073, "jsonpath"},
    {4451, 6150, "int4multirange"},
    {4532, 6151, "nummultirange"},
    {4533, 6152, "tsmultirange"},
    {4534, 6153, "tstzmultirange"},
    {4535, 6155, "datemultirange"},
    {4536, 6157, "int8multirange"},
    {5069, 271, "xid8"},
};
static_assert(std::is_sorted(std::begin(types), std::end(types),
                             [](const Type& a, const Type& b) { return a.oid < b.oid; }));

const Type* find(Oid type) noexcept {
  const Type* const found = std::lower_bound(std::begin(types), std::end(types), type,
                                             [](const Type& a, Oid b) { return a.oid < b; });
  return found != std::end(types) && found->oid == type ? found : nullptr;
}

const Type* find_by_array(Oid array) noexcept {
  if (array == 0) return nullptr;
  const Type* const found = std::find_if(std::begin(types), std::end(types),
                                         [array](const Type& type) { return type.array == array; });
  return found != std::end(types) ? found : nullptr;
}

}  // namespace

std::string type_name(Oid type) {
  if (const Type* const known = find(type)) return std::string(known->name);
  if (const Type* const element = find_by_array(type)) return std::string(element->name) + "[]";
  return fmt::format("type {}", type);
}

Oid array_of(Oid element) noexcept {
  const Type* const known = find(element);
  return known != nullptr ? known->array : 0;
}

Oid element_of(Oid array) noexcept {
  const Type* const element = find_by_array(array);
  return element != nullptr ? element->oid : 0;
}

}  // namespace copg
