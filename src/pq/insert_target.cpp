// The question is asked of the catalogs alone: it must not lock anything that the INSERT would not.
#include "pq/insert_target.hpp"

#include <algorithm>
#include <vector>

#include "pq/placeholders.hpp"

namespace copg::pq {
namespace {

/// As it stands in the catalogs.
std::string catalog_name(std::string_view written) {
  std::string name;
  if (written.starts_with('"')) {
    written = written.substr(1, written.size() - 2);
    for (std::size_t i = 0; i < written.size(); ++i) {
      name += written[i];
      if (written[i] == '"') ++i;  // doubled
    }
    return name;
  }
  std::ranges::transform(written, std::back_inserter(name),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

// tgtype: 1 for each row, 2 before, 4 of INSERT (pg_trigger.h). A hundred partitions are looked at.
constexpr std::string_view question_text = R"(
WITH RECURSIVE target AS (
  SELECT c.oid, c.relkind, c.relhastriggers, c.relispartition FROM pg_catalog.pg_class c
  WHERE c.relname = $1::text AND c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT c.relrowsecurity
    AND CASE $2::text WHEN '' THEN pg_catalog.pg_table_is_visible(c.oid)
        ELSE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $2::text) END
    AND pg_catalog.current_setting('transaction_isolation') IN ('read committed', 'read uncommitted')
), tree AS (
  SELECT * FROM target
  UNION ALL
  SELECT c.oid, c.relkind, c.relhastriggers, t.relispartition FROM tree t
  JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid AND t.relkind = 'p'
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
), parts AS (SELECT * FROM tree LIMIT 101), verdict AS (
  SELECT pg_catalog.count(*) BETWEEN 1 AND 100 AND pg_catalog.bool_and(p.relkind IN ('r', 'p')
    AND NOT (p.relhastriggers AND EXISTS (
      SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
      WHERE t.tgrelid = p.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 4 <> 0
        AND (t.tgtype & 3 <> 3 OR f.provolatile <> 'v' OR EXISTS (
          SELECT FROM pg_catalog.pg_constraint k
          WHERE k.conrelid IN (SELECT oid FROM parts) AND (k.contype = 'f' OR k.condeferrable)))))
    AND NOT (p.relhastriggers AND EXISTS (
      SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = p.oid AND k.contype = 'f'
        AND (p.relispartition OR k.confrelid IN (SELECT oid FROM parts))))
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_attrdef a WHERE a.adrelid = p.oid AND (EXISTS (
        SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc f ON f.oid = d.refobjid AND f.provolatile = 's'
        WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = a.oid
          AND d.refclassid = 'pg_catalog.pg_proc'::regclass)
        OR a.adbin::text LIKE
          '%:funcid ' || 'pg_catalog.statement_timestamp()'::regprocedure::oid::text || ' %'))
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid
        AND d.refclassid = 'pg_catalog.pg_proc'::regclass
      JOIN pg_catalog.pg_proc f ON f.oid = d.refobjid AND f.provolatile = 's'
      WHERE k.conrelid = p.oid AND k.contype = 'c')
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid AND y.typtype = 'd'
      WHERE a.attrelid = p.oid AND a.attnum > 0)) AS fits
  FROM parts p)
SELECT CASE WHEN fits THEN pg_catalog.current_setting('statement_timeout')
  WHEN $3::bool THEN (CASE WHEN fits THEN '' ELSE 'copg: the rows of ' || $1::text || ' must travel one by one' END)::bool::text
  END FROM verdict)";

}  // namespace

QuestionAboutTable::QuestionAboutTable(const sql::PlainInsert& insert, bool raise)
    : parameters(params(catalog_name(insert.table), catalog_name(insert.schema), raise)),
      use(question_text, parameters) {}

std::string text_of_rows(std::string_view sql, const sql::PlainInsert& insert, std::size_t rows) {
  const auto row_begin = static_cast<std::size_t>(insert.row.data() - sql.data());
  const std::vector<Placeholder> places = placeholders_in(insert.row);
  constexpr std::size_t room_for_number = 4;
  std::string text;
  text.reserve(sql.size() + rows * (insert.row.size() + 1 + places.size() * room_for_number));
  text = sql.substr(0, row_begin);
  for (std::size_t row = 0; row < rows; ++row) {
    if (row > 0) text += ',';
    std::size_t at = 0;
    for (const Placeholder& place : places) {
      text += insert.row.substr(at, place.at - at);
      text += '$';
      text += std::to_string(static_cast<std::size_t>(place.number) +
                             row * static_cast<std::size_t>(insert.parameters));
      at = place.at + place.size;
    }
    text += insert.row.substr(at);
  }
  text += sql.substr(row_begin + insert.row.size());
  return text;
}

}  // namespace copg::pq
