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
  free,  ///< They do not: one that was refused before it ran is sent again, behind those that went with it.
  kept,  ///< They may: it is sent again only if nothing went behind it.
};

/// Where the answers go, from within `advance`, each as it comes: in the order of the statements, except that
/// one which was sent again (see below) is answered later than those that went with it. Must not touch the
/// connection or end the operation; may throw std::bad_alloc and nothing else, which leaves the operation as
/// if dropped.
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

/// What has become of one statement. Right at any time, also of an operation that was dropped half-way.
enum class PipelineOutcome : std::uint8_t {
  never_sent,  ///< Not a byte of it has left: it may be run elsewhere. The sink has not heard of it.
  unknown,     ///< Bytes of it may have left, and its answer has not come: it may or may not have run.
  answered,    ///< on_result.
  failed,      ///< on_error: by the server's word, or refused before it was sent.
};

}  // namespace copg::pq
