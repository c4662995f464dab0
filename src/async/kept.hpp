// What an asynchronous call keeps of its caller's arguments, since the caller is gone when they are sent.
#pragma once

#include <copg/detail/request.hpp>

#include <memory>
#include <utility>

#include "engine/calls/jobs.hpp"
#include "engine/pool_engine.hpp"
#include "engine/statement_kind.hpp"

namespace copg::async {

/// For a statement of a fetch verb. Throws UsageError.
inline pq::DescribeFirst describe_first(engine::PoolEngine& engine, const detail::Request& request,
                                        const engine::KnownText& text) {
  return engine::describe_first(engine.fitting_texts(), text, request.sql(), *request.shape());
}

struct KeptStatement {
  std::unique_ptr<detail::Request> request;
  pq::DescribeFirst first;

  [[nodiscard]] engine::ExecuteJob job() const { return {request->sql(), *request, first}; }
};

struct KeptRows {
  detail::ManyRequest request;
  pq::JoinableTexts* joinable;

  [[nodiscard]] engine::ExecuteManyJob job() const { return {request.sql, *request.rows, joinable}; }
};

struct KeptReturning {
  KeptRows rows;
  std::unique_ptr<pq::ReturnedRows> returned = std::make_unique<pq::ReturnedRows>();

  [[nodiscard]] engine::ReturningJob job() const { return {rows.job(), *returned}; }
};

struct KeptCopyIn {
  detail::CopyRequest request;

  [[nodiscard]] engine::CopyInJob job() const { return {request.sql, *request.source}; }
};

struct KeptCopyOut {
  detail::CopyRequest request;

  [[nodiscard]] engine::CopyOutJob job() const { return {request.sql, *request.sink}; }
};

}  // namespace copg::async
