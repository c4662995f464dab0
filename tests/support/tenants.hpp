// Tenants with a schema and a role each, and the same tables with other columns in each, for storms of the
// same texts.
#pragma once

#include <copg/copg.hpp>

#include <array>
#include <string>

namespace copg::test {

inline constexpr int tenants = 50;

/// The type of `v` in a tenant's tables, and the one value that it holds.
struct TenantColumn {
  const char* type;
  const char* value;
};

inline TenantColumn column_of(int tenant) {
  constexpr std::array<TenantColumn, 5> columns = {{{"int", "7"},
                                                    {"text", "x y"},
                                                    {"date", "2026-01-02"},
                                                    {"timestamp", "2026-01-02 03:04:05"},
                                                    {"numeric(9,3)", "7.500"}}};
  return columns[static_cast<std::size_t>(tenant) % columns.size()];
}

inline std::string name_of(int tenant) { return "tenant_" + std::to_string(tenant); }

/// What makes them, in one text.
inline std::string making_tenants() {
  std::string sql =
      "CREATE TABLE public.notes (tenant text, v bool); INSERT INTO public.notes VALUES ('public', true);"
      "CREATE FUNCTION public.be_in(tenant text) RETURNS text LANGUAGE plpgsql AS "
      "$$ BEGIN RETURN set_config('search_path', tenant, true); END $$;";
  for (int tenant = 0; tenant < tenants; ++tenant) {
    const std::string name = name_of(tenant);
    const TenantColumn column = column_of(tenant);
    sql += "CREATE ROLE " + name + "; CREATE SCHEMA AUTHORIZATION " + name + ";";
    // The more columns, the higher the number's rest.
    sql += "CREATE TABLE " + name + ".notes (tenant text, v " + column.type;
    for (int more = 0; more < tenant % 3; ++more) sql += ", c" + std::to_string(more) + " int";
    sql += "); INSERT INTO " + name + ".notes VALUES ('" + name + "', '" + column.value + "');";
    sql += "GRANT ALL ON " + name + ".notes TO " + name + ";";
  }
  return sql;
}

/// A statement that goes to a tenant, in a transaction.
struct Going {
  std::string sql;
  Params params{};
};

inline constexpr int ways_to_go = 8;

inline Going going_to(int tenant, int way) {
  const std::string name = name_of(tenant);
  switch (way) {
    case 0: return {"SET LOCAL search_path TO " + name};
    case 1: return {"SELECT set_config('search_path', $1, true)", params(name)};
    case 2: return {"SELECT set_config($1, $2, true)", params("search_path", name)};
    case 3: return {"SET LOCAL ROLE " + name};
    case 4: return {"SELECT set_config('role', $1, true)", params(name)};
    case 5: return {"SELECT public.be_in($1)", params(name)};
    case 6: return {"SET search_path TO " + name};  // wiped behind it
    default: return {"SELECT 1; SET LOCAL search_path TO " + name};
  }
}

inline constexpr std::array<const char*, 4> tenant_texts = {
    "SELECT * FROM notes WHERE v = $1", "SELECT tenant, v FROM notes AS n WHERE n.v = $1",
    "UPDATE notes SET v = $1 RETURNING tenant, v",
    "SELECT * FROM notes WHERE v IN ($1) ORDER BY tenant FOR UPDATE"};

/// What is wrong with the answer that a tenant has got, or nothing.
inline std::string wrong_with(const Result& result, const std::string& tenant, const char* value) {
  if (result.size() != 1) return tenant + " has got " + std::to_string(result.size()) + " rows";
  const std::string got = std::string(result[0]["tenant"].text()) + ": " + std::string(result[0]["v"].text());
  return got == tenant + ": " + value ? "" : tenant + " with " + value + " has got " + got;
}
inline std::string wrong_with(const Result& result, int tenant) {
  return wrong_with(result, name_of(tenant), column_of(tenant).value);
}

}  // namespace copg::test
