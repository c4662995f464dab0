// Bytes between the socket and libpq.
#pragma once

#include <libpq-fe.h>

namespace copg::pq {

/// Whether OpenSSL has taken bytes from the socket that libpq has not read, which poll(2) and epoll do not
/// show: a TLS record (up to 16 kB) is decrypted as a whole, and libpq reads as much as it has room for (8 kB
/// at least).
[[nodiscard]] bool tls_holds_bytes(PGconn* conn) noexcept;

}  // namespace copg::pq
