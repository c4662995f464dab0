// What libpq's words about a failed connect mean: which SQLSTATE the server gave, whether another try can
// help, and what to show to people. libpq keeps the SQLSTATE of a failed connect to itself; it stands in the
// verbose text.
#pragma once

#include <copg/error.hpp>

#include <string_view>

#include "pq/connect_settings.hpp"

namespace copg::pq {

struct ConnectFailureInfo {
  ErrorInfo error;
  ConnectFailureKind kind = ConnectFailureKind::transient;
};

/// `text`: PQerrorMessage of a failed connect in PQERRORS_VERBOSE, libpq's own words untranslated (the
/// server's may be in any language). Several hosts give several messages; the last one is libpq's reason to
/// stop, so it decides.
[[nodiscard]] ConnectFailureInfo read_connect_failure(std::string_view text);

}  // namespace copg::pq
