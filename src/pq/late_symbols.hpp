// Functions that libpq has since version 17, looked for at run time: null where the libpq in use is older.
//
// Weak references: copg builds against libpq 14 and uses the newer calls when it runs with a newer library.
// Every use must be guarded by the test beside it. The declarations are libpq 17's own (libpq-fe.h).
#pragma once

#include <libpq-fe.h>

extern "C" {
using PGcancelConn = struct pg_cancel_conn;

[[gnu::weak]] PGcancelConn* PQcancelCreate(PGconn* conn);
[[gnu::weak]] int PQcancelStart(PGcancelConn* cancel);
[[gnu::weak]] PostgresPollingStatusType PQcancelPoll(PGcancelConn* cancel);
[[gnu::weak]] int PQcancelSocket(const PGcancelConn* cancel);
[[gnu::weak]] char* PQcancelErrorMessage(const PGcancelConn* cancel);
[[gnu::weak]] void PQcancelFinish(PGcancelConn* cancel);
[[gnu::weak]] int PQsendPipelineSync(PGconn* conn);
}

namespace copg::pq {

/// The cancel request can be sent without blocking.
[[nodiscard]] bool has_nonblocking_cancel() noexcept;
/// A Sync can be queued without a system call of its own.
[[nodiscard]] bool has_send_pipeline_sync() noexcept;

}  // namespace copg::pq
