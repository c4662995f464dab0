// Ends whatever is outstanding on a connection, from any point of the protocol: in a query, a pipeline, a
// COPY.
//
// If it ends without an error, nothing is outstanding and no cancel can reach the next statement; a
// transaction may be open or failed. After an error the connection must be closed. Answers are dropped with
// bounded memory: nothing is read while the server is being asked to stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "pq/cancel_operation.hpp"
#include "pq/connection.hpp"
#include "pq/operation.hpp"
#include "pq/timed_wait.hpp"

namespace copg::pq {

class AbortOperation : public Operation {
 public:
  /// A cancel may overtake its statement on the way to the server, and find nothing to end. If no answer
  /// comes for this long, it is sent again, then after twice the time, and so on up to the maximum.
  static constexpr std::chrono::milliseconds first_patience{50};
  static constexpr std::chrono::milliseconds max_patience{5000};
  /// When a cancel has ended one statement of several, the server goes on with the next, which gets this much
  /// time before the next cancel.
  static constexpr std::chrono::milliseconds patience_for_next{10};

  /// `before_cancel`: how long the answers may take before a cancel is sent; 0: no time.
  explicit AbortOperation(Connection& connection, std::chrono::milliseconds before_cancel = {})
      : connection_(connection), before_cancel_(before_cancel) {}

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;
  /// Whether something was outstanding, so that it is not known what it has done to the session.
  [[nodiscard]] bool dropped_answers() const noexcept { return dropped_answers_; }

 private:
  enum class Phase : std::uint8_t {
    look,    // is anything outstanding, and has it perhaps been answered already?
    cancel,  // the server is asked to stop
    drain,   // answers are thrown away up to the last ReadyForQuery
    fence,   // an empty round trip that outlives the cancel
    done,
  };
  enum class Drained : std::uint8_t { idle, waiting, lost };

  Step look();
  Step start_cancel();
  Step cancel(Ready ready);
  Step drain();
  Step end();
  Step wait_for_answer();
  Step fail_lost();

  void end_pipeline();
  bool left_pipeline();
  Drained drop_answers();
  Drained drop_result(const PGresult* result);
  Drained drop_copy_out();
  Drained end_copy_in();

  Connection& connection_;
  const std::chrono::milliseconds before_cancel_;
  Phase phase_ = Phase::look;
  std::optional<CancelOperation> cancel_;
  TimedWait patience_;
  std::chrono::milliseconds next_patience_ = first_patience;
  bool pipeline_ended_ = false;  // our own ROLLBACK and Sync stand at the end of a dropped pipeline
  bool one_ended_ = false;       // by the last cancel
  bool dropped_answers_ = false;
};

}  // namespace copg::pq
