// Bytes between the socket and libpq.
#pragma once

#include <libpq-fe.h>

namespace copg::pq {

/// OpenSSL has taken bytes from the socket that libpq has not read: a record of TLS (up to 16 kB) is
/// decrypted as a whole, and libpq reads as much of it as it has room for (8 kB at least). Neither poll(2)
/// nor epoll know of them.
[[nodiscard]] bool tls_holds_bytes(PGconn* conn) noexcept;

}  // namespace copg::pq
