// The job that begins a COPY of an AsyncConnection. Its result is the AsyncCopy.
#pragma once

#include <copg/async_copy.hpp>

#include <memory>
#include <optional>

#include "engine/calls/jobs.hpp"
#include "engine/raise.hpp"
#include "pq/kept_copy.hpp"

namespace copg::async {

struct CopyBegin {
  std::shared_ptr<Loop> loop;
  std::weak_ptr<LeaseState> lease;
  std::shared_ptr<pq::KeptCopy> copy;
  std::optional<Deadline> deadline;

  [[nodiscard]] pq::CopyStep make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, *copy, pq::CopyWish::begin, {}, begin};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return engine::shape_of(event::Verb::copy, copy->sql());
  }
  [[nodiscard]] AsyncCopy take(pq::CopyStep& operation) const {
    engine::raise_error_of(operation);
    return {loop, lease, copy, deadline};
  }
};

}  // namespace copg::async
