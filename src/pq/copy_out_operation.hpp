// COPY ... TO STDOUT: data from the server, given to a sink piece by piece.
//
// If the sink throws, the statement is ended on the server, so that the rest need not be sent; the connection
// survives.
#pragma once

#include <copg/copy_stream.hpp>

#include <string_view>

#include "pq/copy_operation.hpp"

namespace copg::pq {

class CopyOutOperation final : public CopyOperation {
 public:
  /// `sink` must outlive the operation.
  CopyOutOperation(Connection& connection, std::string_view sql, CopySink& sink,
                   BeginFirst begin = BeginFirst::no)
      : CopyOperation(connection, sql, PGRES_COPY_OUT, begin), sink_(sink) {}

 private:
  Moved move_data() override;

  CopySink& sink_;
};

}  // namespace copg::pq
