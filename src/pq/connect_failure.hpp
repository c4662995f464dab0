// What libpq's message about a failed connect means: the server's SQLSTATE, whether another try can help, and
// what to show to people. libpq gives the SQLSTATE of a failed connect only in its verbose message.
#pragma once

#include <copg/error.hpp>

#include <string_view>

#include "pq/connect_settings.hpp"

namespace copg::pq {

struct ConnectFailureInfo {
  ErrorInfo error;
  ConnectFailureKind kind = ConnectFailureKind::transient;
};

/// `text`: PQerrorMessage of a failed connect in PQERRORS_VERBOSE. libpq's own messages must be untranslated;
/// the server's may be in any language. Several hosts give several messages, of which the last one decides,
/// since it made libpq stop.
[[nodiscard]] ConnectFailureInfo read_connect_failure(std::string_view text);

}  // namespace copg::pq
