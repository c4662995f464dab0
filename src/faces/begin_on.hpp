// AsyncDatabaseOn::begin, for the files that call it.
#pragma once

#include <copg/async_database_on.hpp>

#include <utility>

#include "faces/routed_call.hpp"
#include "routing/request_for.hpp"

namespace copg {

template <class Handler, class Request>
void AsyncDatabaseOn::begin(Handler handler, Request request) const {
  const engine::TimeLimit time = limit();
  if (loop_) return faces::start_on(loop_, time, std::move(handler), std::move(request));
  const engine::TimePoint begun = engine::now();
  faces::start_routed(hosts_, time.deadline(begun), routing::request_for(role_, options_, begun),
                      std::move(handler), std::move(request));
}

}  // namespace copg
