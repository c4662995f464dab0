// What PostgreSQL's own scanner and parser see in a text, from the library libpg_query.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace copg::sql {

/// Where PostgreSQL's scanner and the lexer see another token: a message with the first of these places.
/// Empty if they agree. Nothing if PostgreSQL refuses the text, for whatever reason.
std::optional<std::string> disagreement(const std::string& sql);

/// The parameters ($1) that PostgreSQL's scanner sees; nothing if PostgreSQL refuses the text.
std::optional<std::vector<std::string>> parameters(const std::string& sql);

/// How many statements stand in a text; nothing if PostgreSQL can't parse it.
std::optional<int> count_statements(const std::string& sql);

/// PostgreSQL's parse tree, as JSON; empty if it can't parse the text.
std::string parse_tree(const std::string& sql);

}  // namespace copg::sql
