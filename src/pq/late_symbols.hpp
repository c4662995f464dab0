// Functions that libpq has since version 17, found at run time: null if the libpq in use is older.
//
// They are weak references, so that copg builds against libpq 14 and uses the newer calls with a newer
// library. Guard every use by the tests below. The declarations are those of libpq 17 (libpq-fe.h).
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
[[gnu::weak]] int PQsetChunkedRowsMode(PGconn* conn, int chunk_size);
}

namespace copg::pq {

/// Whether a cancel request can be sent without blocking.
[[nodiscard]] bool has_nonblocking_cancel() noexcept;
/// Whether a Sync can be queued without a system call of its own.
[[nodiscard]] bool has_send_pipeline_sync() noexcept;
/// Whether rows can be had several at a time.
[[nodiscard]] bool has_chunked_rows() noexcept;

/// PGRES_TUPLES_CHUNK: the rows of one such time.
inline constexpr auto rows_chunk = static_cast<ExecStatusType>(12);

}  // namespace copg::pq
