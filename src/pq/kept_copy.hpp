// A COPY that stays open between the calls of its caller: begun by one, written to or read by others, and
// ended by the last. Each call is an operation of its own, a CopyStep.
//
// While it is open its connection is not protocol idle, so that a lease that ends then is reset. It may be
// dropped at any time, and the next statement on the connection ends it: unless it is in the middle of a
// step, it does not touch its connection.
#pragma once

#include <copg/error.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pq/copy_in_operation.hpp"
#include "pq/copy_out_operation.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

/// Adds to the line that the server's CONTEXT of a COPY names: "COPY jobs, line 3, column id: ...", in any
/// language.
void add_lines(std::string& context, std::int64_t lines);

class KeptCopy {
 public:
  /// COPY ... FROM STDIN or COPY ... TO STDOUT: the text says which.
  explicit KeptCopy(std::string sql);

  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  /// COPY ... FROM STDIN.
  [[nodiscard]] bool takes_data() const noexcept { return takes_data_; }
  /// It was begun, and has not ended.
  [[nodiscard]] bool open() const noexcept { return state_ == State::open; }
  /// Once it has ended: the rows that the server has counted; 0 if it was given up.
  [[nodiscard]] std::int64_t rows_copied() const noexcept { return rows_copied_; }
  /// It goes on with what another COPY has begun, which has sent so many rows: errors count its lines from
  /// there.
  void follows(std::int64_t rows) noexcept { rows_before_ = rows; }
  /// What the last step has read.
  [[nodiscard]] std::string take_data() noexcept { return pulled_.take_all(); }

 private:
  friend class CopyStep;
  enum class State : std::uint8_t { unbegun, open, ended, failed };

  const std::string sql_;
  bool takes_data_;
  bool gives_data_;
  State state_ = State::unbegun;
  const Keeper keeper_ = std::make_shared<char>();  // pq/kept_open.hpp
  bool within_transaction_ = false;
  std::int64_t rows_copied_ = 0;
  std::int64_t rows_before_ = 0;
  PushedData pushed_;
  PulledData pulled_;
  std::unique_ptr<CopyOperation> operation_;
};

/// What a call asks of a COPY.
enum class CopyWish : std::uint8_t {
  begin,    ///< Returns when data can be moved.
  write,    ///< Sends a piece; returns when libpq has taken it, and the socket all but the last 64 KiB.
  read,     ///< Gathers a piece; an empty one is the end.
  finish,   ///< Ends the data, and waits for the server's verdict. Of one that sends data: reads the rest.
  give_up,  ///< Ends it without effect; nothing if it has ended.
};

/// One call on a COPY. It and what it is given must outlive the operation.
class CopyStep final : public StatementOperation {
 public:
  CopyStep(Connection& connection, KeptCopy& copy, CopyWish wish, std::string_view data, BeginFirst begin);
  ~CopyStep() override;

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override { return phase_; }
  [[nodiscard]] bool first_bytes_sent() const noexcept override { return sent_; }

 private:
  [[nodiscard]] ErrorPtr refuse() const;
  [[nodiscard]] bool is_open_here() const noexcept;
  [[nodiscard]] bool nothing_to_do() const noexcept;
  void wish();
  Step go_on(Ready ready);

  Connection& connection_;
  KeptCopy& copy_;
  const CopyWish wish_;
  const std::string_view data_;
  const BeginFirst begin_;
  bool begun_ = false;
  bool sent_ = false;
  bool done_ = false;
  const char* phase_ = "";
};

}  // namespace copg::pq
