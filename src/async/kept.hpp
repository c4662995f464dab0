// What an asynchronous call keeps of its caller's arguments, since the caller is gone when they are sent.
// `take_request` gives them to another call, if this one has sent nothing.
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
  std::unique_ptr<detail::Request> take_request() noexcept { return std::move(request); }
};

struct KeptRows {
  detail::ManyRequest request;
  pq::JoinableTexts* joinable;

  [[nodiscard]] engine::ExecuteManyJob job() const { return {request.sql, *request.rows, joinable}; }
  detail::ManyRequest take_request() noexcept { return std::move(request); }
};

struct KeptReturning {
  KeptRows rows;
  std::unique_ptr<pq::ReturnedRows> returned = std::make_unique<pq::ReturnedRows>();

  [[nodiscard]] engine::ReturningJob job() const { return {rows.job(), *returned}; }
  detail::ReturningRequest take_request() noexcept { return {rows.take_request()}; }
};

struct KeptCopyIn {
  detail::CopyRequest request;

  [[nodiscard]] engine::CopyInJob job() const { return {request.sql, *request.source}; }
  detail::CopyRequest take_request() noexcept { return std::move(request); }
};

struct KeptCopyOut {
  detail::CopyRequest request;

  [[nodiscard]] engine::CopyOutJob job() const { return {request.sql, *request.sink}; }
  detail::CopyRequest take_request() noexcept { return std::move(request); }
};

}  // namespace copg::async
