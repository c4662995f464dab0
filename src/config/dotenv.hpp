// .env files: lines of KEY=VALUE. Nothing is executed, expanded, or put into the environment.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace copg::detail {

using Variables = std::map<std::string, std::string, std::less<>>;

/// Lines may begin with `export`; `#` begins a comment at the start of a line or after white space. A value
/// is as it stands up to the end of the line, or in 'single quotes', where \' and \\ are the only escapes, or
/// in "double quotes", where the escapes are \n \r \t \" \' \\ and \$; both may run over several lines. '$'
/// means itself. A key without '=' is passed over; of equal keys the last wins. Throws ConfigurationError
/// naming `file` and the line, never a value.
Variables parse_dotenv(std::string_view text, std::string_view file);

/// Throws ConfigurationError if it can't be read.
Variables read_dotenv(const std::filesystem::path& file);

/// ".env" in `folder` or the nearest folder above it that has one.
std::optional<std::filesystem::path> find_dotenv(std::filesystem::path folder);

}  // namespace copg::detail
