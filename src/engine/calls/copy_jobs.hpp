// The jobs of a COPY that stays open between calls (pq/kept_copy.hpp), once for all shells.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/calls/jobs.hpp"
#include "engine/raise.hpp"
#include "pq/kept_copy.hpp"

namespace copg::engine {

/// Its result: of `read` the piece, of `finish` the rows copied.
template <pq::CopyWish wish>
struct CopyStepJob {
  pq::KeptCopy& copy;
  std::string_view data{};

  [[nodiscard]] pq::CopyStep make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, copy, wish, data, begin};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return shape_of(event::Verb::copy, copy.sql());
  }
  auto take(pq::CopyStep& operation) const {
    raise_error_of(operation);
    if constexpr (wish == pq::CopyWish::read) {
      return copy.take_data();
    } else if constexpr (wish == pq::CopyWish::finish) {
      return copy.rows_copied();
    }
  }
};

/// One that outlives the caller who asked for it.
template <pq::CopyWish wish>
struct KeptCopyStep {
  std::shared_ptr<pq::KeptCopy> copy;
  std::string data{};

  [[nodiscard]] CopyStepJob<wish> job() const { return {*copy, data}; }
};

}  // namespace copg::engine
