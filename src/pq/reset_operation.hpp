// Makes any live connection clean, from any point of the protocol: in a query, a pipeline, a COPY, a
// transaction.
//
// It ends without an error only with a proof: ReadyForQuery 'I', nothing outstanding, no cancel under way,
// the session at its baseline. With an error the connection must be closed. A dropped operation's answers are
// thrown away with bounded memory: nothing is read while the server is being asked to stop.
#pragma once

#include <copg/pool_options.hpp>

#include <optional>
#include <string>

#include "pq/cancel_operation.hpp"
#include "pq/connection.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

class ResetOperation : public Operation {
 public:
  ResetOperation(Connection& connection, ResetMode mode) : connection_(connection), mode_(mode) {}

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;

  /// After `done`: settings were put back to those of the connect. What was set up after connecting (a
  /// `configure` callback) is gone and must be set up again.
  [[nodiscard]] bool wiped() const noexcept { return wiped_; }

 private:
  enum class Phase : std::uint8_t {
    look,    // is anything outstanding, and has it perhaps been answered already?
    cancel,  // the server is asked to stop
    drain,   // answers are thrown away up to the last ReadyForQuery
    fence,   // an empty round trip that outlives the cancel
    wipe,    // ROLLBACK and the wipe, in one round trip
    done,
  };
  enum class Drained : std::uint8_t { idle, waiting, lost };

  Step look();
  Step cancel(Ready ready);
  Step drain();
  Step fence();
  Step start_wipe();
  Step wipe();
  Step prove();

  Drained drop_answers();
  Drained drop_result(PGresult* result);
  Drained drop_copy_out();
  Drained end_copy_in();
  bool end_pipeline();
  bool send(const char* sql);
  std::string wipe_text();
  Step wait_for_answer();
  Step fail_lost(const char* what);
  Step fail_refused(const PGresult* result, std::string_view sql);

  Connection& connection_;
  ResetMode mode_;
  Phase phase_ = Phase::look;
  std::optional<CancelOperation> cancel_;
  std::string wipe_text_;
  bool answers_dropped_ = false;  // what they did to the session is not known
  bool wiped_ = false;
};

}  // namespace copg::pq
