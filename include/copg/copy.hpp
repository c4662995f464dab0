// A COPY that is written to, or read, piece by piece.
#pragma once

#include <copg/deadline.hpp>
#include <copg/detail/copy_rows.hpp>
#include <copg/mapping.hpp>
#include <copg/params.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

class Connection;

namespace detail {
struct LeaseAccess;
}  // namespace detail

namespace pq {
class KeptCopy;
}  // namespace pq

/// What Connection::copy returns: an open COPY ... FROM STDIN, which takes data until `finish`, or an open
/// COPY ... TO STDOUT, which is read to its end. Refers to the connection, which must outlive it, and on
/// which no other call is possible meanwhile (UsageError). Move-only; for one thread at a time.
///
/// Each member blocks until the server has taken, or sent, enough: the memory for data is bounded by 128 KiB
/// and one row or piece. It has the time of one call on the connection, and throws the errors of one. After
/// an error of the server nothing was copied; the connection survives, and an open transaction has failed.
/// After QueryTimeout the connection can only be given back.
class Copy {
 public:
  Copy(Copy&&) noexcept;
  Copy& operator=(Copy&&) = delete;
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  /// As `cancel`, unless it has ended. Never throws.
  ~Copy();

  /// Sends data in the format of the statement, cut anywhere. An error of the server may be thrown no earlier
  /// than by `finish`. UsageError for COPY ... TO STDOUT.
  void write(std::string_view data);
  /// Sends a row, a tuple, an aggregate, or one value, in text format, the one of a COPY that names none.
  /// Rows are gathered, and sent 64 KiB at a time. DataError for a value that can't be sent: the row is
  /// left out, and the COPY stays open.
  template <class T>
  void write_row(const T& row) {
    row_.clear();
    add_row(row_, row);
    detail::append_copy_row(row_, rows_);
    if (rows_.size() >= detail::copy_piece_bytes) write_rows();
  }
  /// Returns the next piece, up to 64 KiB and a row, or what the server has sent so far; in text and CSV
  /// format it ends with a row. Empty at the end. Valid until the next call. UsageError for COPY ... FROM
  /// STDIN.
  [[nodiscard]] std::string_view read();
  /// Ends the data, and returns the number of rows copied. Throws what the server says of them. Of COPY ...
  /// TO STDOUT it drops what was not read. Once it has returned, it returns the same again.
  std::int64_t finish();
  /// Ends it without effect. In a transaction, which has failed then; of COPY ... TO STDOUT only if the
  /// server had more to send. Nothing if it has ended.
  void cancel();

 private:
  friend class Connection;
  friend class ConnectionWithin;
  friend struct detail::LeaseAccess;
  Copy(Connection& connection, std::string_view sql, Deadline deadline);
  void write_rows();
  /// Leaves it open, so that the next call on the connection ends it. Sends nothing.
  void abandon() noexcept;
  /// Its lines are counted from `rows` on, which another COPY has sent.
  void follows(std::int64_t rows) noexcept;
  template <class Job>
  auto call(Job job);

  Connection& connection_;
  Deadline deadline_;  // of all calls
  std::unique_ptr<pq::KeptCopy> copy_;
  Params row_;
  std::string rows_;   // encoded, and not sent yet
  std::string piece_;  // read last
};

}  // namespace copg
#pragma GCC visibility pop
