// What goes into a pipeline, and where its answers go.
#pragma once

#include <copg/error.hpp>
#include <copg/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pq/params_view.hpp"

namespace copg::pq {

/// One statement of a pipeline. Text and parameters must outlive the operation.
struct PipelineStatement {
  std::string_view sql;
  ParamsView params;
};

/// Whether the statements of a pipeline depend on each other.
enum class PipelineOrder : std::uint8_t {
  free,  ///< They do not: one that was refused before it ran is sent again, behind those sent with it.
  kept,  ///< They may: one that was refused before it ran is sent again only if none was sent behind it.
};

/// Takes the answers, from within `advance`, each as it comes: in the order of the statements, except that a
/// statement that was sent again is answered later than those sent with it. It must not touch the connection
/// or end the operation. It may throw nothing but std::bad_alloc, which leaves the operation as if dropped.
class PipelineSink {
 public:
  PipelineSink() = default;
  PipelineSink(const PipelineSink&) = delete;
  PipelineSink& operator=(const PipelineSink&) = delete;
  virtual ~PipelineSink() = default;

  virtual void on_result(std::size_t index, Result result) = 0;
  /// The statement failed, or was refused before it was sent (kind usage), or the connection was lost before
  /// its answer came (connection_failed, or commit_unknown for COMMIT: it may or may not have run).
  virtual void on_error(std::size_t index, ErrorInfo error) = 0;
};

/// What has become of one statement. It is right at any time, also if the operation was dropped half-way.
enum class PipelineOutcome : std::uint8_t {
  never_sent,  ///< No byte was sent: it may be executed elsewhere. The sink was not called.
  unknown,     ///< Bytes may have been sent, and no answer has come: it may or may not have been executed.
  answered,    ///< on_result was called.
  failed,      ///< on_error was called: the server refused it, or it was refused before it was sent.
};

}  // namespace copg::pq
