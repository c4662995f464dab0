// What a call on a lease of asyncio keeps until it is over, and what becomes of its answer. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/params.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_options.hpp>
#include <copg/result.hpp>

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/calls/jobs.hpp"
#include "engine/calls/transaction_stack.hpp"
#include "python/native/cursor.hpp"
#include "python/native/loop_call.hpp"
#include "python/native/loop_jobs.hpp"
#include "python/native/notify.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/row_kind.hpp"
#include "python/native/row_stream.hpp"
#include "python/native/types.hpp"
#include "python/native/unread.hpp"

namespace copg::python {

namespace nb = nanobind;

/// A statement of a cursor, which gets the rows.
struct KeptCursor : KeptStatement {
  mutable nb::object cursor;
  const PoolOptions& options;
  const Types& types;  // the pool's, which the cursor keeps

  /// An event loop may know the call for longer than its task does, and a cursor keeps its connection.
  void let_go() const noexcept { cursor.reset(); }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(cursor.ptr());
    return KeptStatement::traverse(visit, arg);
  }
  nb::object give(Result result) const {
    auto* const rows = nb::inst_ptr<Cursor>(cursor);
    const auto unknown = rows->keep(answered_rows(std::move(result), types.now(), options));
    if (!unknown.empty())
      throw_unread(unknown, [cursor = cursor, &known = types] {
        nb::inst_ptr<Cursor>(cursor)->set_types(known.now());
        return cursor;
      });
    return cursor;
  }
};

/// While it lives, a lease without an open transaction is in autocommit mode.
class AutocommitMeanwhile {
 public:
  /// `lease`: null for none.
  explicit AutocommitMeanwhile(std::shared_ptr<LoopLease> lease) : lease_(std::move(lease)) {
    if (lease_) lease_->autocommit = true;
  }
  AutocommitMeanwhile(AutocommitMeanwhile&&) = default;
  AutocommitMeanwhile& operator=(AutocommitMeanwhile&&) = delete;
  ~AutocommitMeanwhile() { end(); }
  void end() const noexcept {
    if (lease_) lease_->autocommit = false;
    lease_.reset();
  }

 private:
  mutable std::shared_ptr<LoopLease> lease_;
};

/// A question about types.
struct KeptPlain : KeptStatement {
  AutocommitMeanwhile meanwhile;

  void let_go() const noexcept { meanwhile.end(); }
  nb::object give(Result result) const {
    const ResultRows rows(std::move(result), {});
    return rows.fetch(0, rows.size(), RowKind(reinterpret_cast<PyObject*>(&PyTuple_Type), "row"));
  }
};

/// The next chunk of a stream, which gets the rows.
struct KeptChunk {
  nb::object sql;
  nb::object params;
  mutable nb::object stream;
  mutable std::shared_ptr<engine::OpenStream> open;

  void let_go() const noexcept {
    stream.reset();
    open.reset();
  }
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(stream.ptr());
    Py_VISIT(params.ptr());
    return 0;
  }
  [[nodiscard]] engine::StreamJob job() const { return {open}; }
  nb::object give(Result result) const {
    const auto unknown = nb::cast<Stream&>(stream).keep(std::move(result));
    if (!unknown.empty())
      throw_unread(unknown, [stream = stream] {
        nb::cast<Stream&>(stream).make_rows();
        return nb::none();
      });
    return nb::none();
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    rethrow_in_words_of(sql, params.ptr(), std::move(failure));
  }
};

/// A savepoint, or its end.
struct KeptSavepoint {
  std::string sql;
  Params params{};

  [[nodiscard]] engine::ExecuteJob job() const { return {sql, params}; }
  static nb::object give(const Result& /*result*/) { return nb::none(); }
};

/// A savepoint with options, or its end: several statements in one flush.
class KeptSavepointOptions {
 public:
  /// `begun`: whose savepoint begins; null: it ends.
  KeptSavepointOptions(Pipeline pipeline, std::shared_ptr<engine::SavepointOptions> begun)
      : pipeline_(std::move(pipeline)), begun_(std::move(begun)) {}

  [[nodiscard]] engine::PipelineJob job() const { return pipeline_.job(); }
  [[nodiscard]] nb::object give(const std::vector<PipelineAnswer>& answers) const {
    if (begun_) {
      begun_->begun(answers);
    } else {
      engine::require_success(answers);
    }
    return nb::none();
  }

 private:
  engine::KeptPipeline pipeline_;
  std::shared_ptr<engine::SavepointOptions> begun_;
};

}  // namespace copg::python
