// The list. Not in it, though the server has them: set_config; query_to_xml, table_to_xml and their kind,
// ts_stat and ts_rewrite, which run what they are given.
#include "sql/known_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace copg::sql {
namespace {

/// In lower case, in the order of their bytes, with white space between them.
constexpr std::string_view known_words_text = R"(
abbrev abs acos acosd acosh age akeys all analyze and any any_value area array array_agg array_append
array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_json
array_to_string array_to_tsvector array_upper as ascii asin asind asinh atan atan2 atan2d atand atanh avals
avg bernoulli between bigint bit bit_and bit_count bit_length bit_or bit_xor bool_and bool_or boolean
bound_box bpchar broadcast btrim by cardinality case cast cbrt ceil ceiling center char char_length
character character_length chr clock_timestamp coalesce collation columns concat concat_ws conflict convert
convert_from convert_to corr cos cosd cosh cot cotd count covar_pop covar_samp crc32 crc32c crypt cube
cume_dist current_database current_query current_schema current_schemas current_setting currval date
date_add date_bin date_part date_subtract date_trunc datemultirange daterange dec decimal decode default
degrees dense_rank diameter digest distinct div dmetaphone do else encode end enum_first enum_last
enum_range erf erfc escape every except exists exp explain extract factorial family filter first_value
float floor format format_type from gamma gcd gen_random_bytes gen_random_uuid gen_salt generate_series
generate_subscripts get_bit get_byte get_current_ts_config greatest group grouping has_column_privilege
has_database_privilege has_function_privilege has_schema_privilege has_sequence_privilege
has_table_privilege has_type_privilege having height hmac host hostmask hstore hstore_to_json
hstore_to_jsonb ilike in inet_client_addr inet_client_port inet_merge inet_same_family inet_server_addr
inet_server_port initcap int int4multirange int4range int8multirange int8range integer intersect interval
into is is_normalized isclosed isempty isfinite isopen json json_agg json_array json_array_elements
json_array_elements_text json_array_length json_arrayagg json_build_array json_build_object json_each
json_each_text json_exists json_extract_path json_extract_path_text json_object json_object_agg
json_object_keys json_objectagg json_populate_record json_populate_recordset json_query json_scalar
json_serialize json_strip_nulls json_table json_to_record json_to_recordset json_to_tsvector json_typeof
json_value jsonb jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length
jsonb_build_array jsonb_build_object jsonb_concat jsonb_delete jsonb_each jsonb_each_text jsonb_exists
jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query
jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz
jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax
jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof justify_days
justify_hours justify_interval key lag last_value lastval lateral lcm lead least left length levenshtein
lgamma like limit ln log log10 lower lower_inc lower_inf lpad ltrim make_date make_interval make_time
make_timestamp make_timestamptz masklen matched materialized max md5 merge metaphone min min_scale mod mode
multirange netmask network nextval normalize not now nth_value ntile nullif num_nonnulls num_nulls numeric
nummultirange numnode numrange obj_description octet_length offset on only or order over overlaps overlay
parse_ident partition percent_rank percentile_cont percentile_disc pg_advisory_xact_lock pg_backend_pid
pg_blocking_pids pg_client_encoding pg_column_size pg_current_wal_lsn pg_current_xact_id pg_database_size
pg_get_constraintdef pg_get_expr pg_get_functiondef pg_get_indexdef pg_get_serial_sequence pg_get_userbyid
pg_get_viewdef pg_indexes_size pg_is_in_recovery pg_last_wal_replay_lsn pg_notify pg_postmaster_start_time
pg_relation_size pg_size_bytes pg_size_pretty pg_sleep pg_table_is_visible pg_table_size
pg_total_relation_size pg_try_advisory_xact_lock pg_typeof pg_wal_lsn_diff phraseto_tsquery pi
plainto_tsquery point polygon popcount position pow power querytree quote_ident quote_literal
quote_nullable radians radius random random_normal range_agg range_intersect_agg range_merge rank real
regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
regr_sxx regr_sxy regr_syy repeat repeatable replace returning reverse right rollup round row row_number
row_to_json rpad rtrim scale select set set_bit set_byte set_masklen sets setval setweight sha224 sha256
sha384 sha512 shobj_description show_trgm sign similar similarity sin sind sinh slice some soundex
split_part sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp strict_word_similarity
string_agg string_to_array string_to_table strip strpos substr substring sum symmetric system tablesample
tan tand tanh text then time timeofday timestamp timestamptz timetz to_ascii to_bin to_char to_date to_hex
to_json to_jsonb to_number to_oct to_regclass to_regnamespace to_regproc to_regprocedure to_regrole
to_regtype to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trim_array trim_scale
trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsmultirange tsquery_phrase tsrange tstzmultirange
tstzrange tsvector_to_array txid_current unaccent union unistr unnest update upper upper_inc upper_inf
using uuid uuid_extract_timestamp uuid_extract_version uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3
uuid_generate_v4 uuid_generate_v5 uuidv4 uuidv7 vacuum values var_pop var_samp varchar variance varying
version websearch_to_tsquery when where width width_bucket with within word_similarity xmlagg xmlattributes
xmlcomment xmlconcat xmlelement xmlexists xmlforest xmlparse xpath xpath_exists
)";

constexpr std::size_t known_words_count = [] {
  std::size_t count = 0;
  for (std::size_t at = 1; at < known_words_text.size(); ++at) {
    if (known_words_text[at] > ' ' && known_words_text[at - 1] <= ' ') ++count;
  }
  return count;
}();

constexpr std::array<std::string_view, known_words_count> known_words = [] {
  std::array<std::string_view, known_words_count> words;
  std::size_t at = 0;
  for (std::string_view& word : words) {
    while (known_words_text[at] <= ' ') ++at;
    const std::size_t begin = at;
    while (known_words_text[at] > ' ') ++at;
    word = known_words_text.substr(begin, at - begin);
  }
  return words;
}();
static_assert(std::ranges::is_sorted(known_words));

constexpr std::size_t longest_known_word =
    std::ranges::max(known_words, {}, [](std::string_view word) { return word.size(); }).size();

}  // namespace

bool is_known_word(std::string_view word) noexcept {
  std::array<char, longest_known_word> lower{};
  if (word.size() > lower.size()) return false;
  std::ranges::transform(word, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::binary_search(known_words, std::string_view(lower.data(), word.size()));
}

}  // namespace copg::sql
