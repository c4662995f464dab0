// Makes any live connection clean, from any point of the protocol: in a query, a pipeline, a COPY, a
// transaction.
//
// It ends without an error only if this is proved: ReadyForQuery 'I', nothing outstanding, no cancel under
// way, the session at its baseline. After an error the connection must be closed. It keeps the statements
// that we have prepared, unless the user has prepared some in SQL, or the server holds too many orphans.
#pragma once

#include <copg/pool_options.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "pq/abort_operation.hpp"
#include "pq/connection.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

class ResetOperation : public Operation {
 public:
  ResetOperation(Connection& connection, ResetMode mode)
      : connection_(connection), mode_(mode), abort_(connection) {}

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;

  /// After `done`: whether settings were put back to those of the connect, so that a `configure` callback
  /// must set the session up again.
  [[nodiscard]] bool wiped() const noexcept { return wiped_; }

 private:
  enum class Phase : std::uint8_t {
    start,  // can it be made clean at all?
    abort,  // ends what is outstanding
    wipe,   // ROLLBACK and the wipe, in one round trip
    done,
  };

  Step start();
  Step abort(Ready ready);
  Step start_wipe();
  Step wipe();
  Step prove();
  std::vector<const char*> wipe_statements();
  bool send_wipe(const std::vector<const char*>& statements);
  Step wait_for_answer();
  Step fail_lost();
  Step fail_refused(const PGresult* result);
  Step fail_for_good(const char* why);

  Connection& connection_;
  ResetMode mode_;
  AbortOperation abort_;
  Phase phase_ = Phase::start;
  std::string wipe_text_;  // all its statements, for messages
  bool wiped_ = false;
};

}  // namespace copg::pq
