// The verbs of a pool on one engine: what AsyncPooledDatabase and its handles start.
//
// `To` is what starts a call: it has `engine()`, `start<Kind>(args...)`, `now(error, results...)` for a call
// that never begins, and the type `Answer` of the result.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/detail/request.hpp>
#include <copg/pipeline.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "async/calls.hpp"
#include "async/completion.hpp"
#include "async/kept.hpp"

namespace copg::faces {

using engine::TimeLimit;

/// A call with its caller's handler, on one engine.
template <class... Results>
struct ToHandler {
  using Answer = std::tuple_element_t<0, std::tuple<Results..., std::nullptr_t>>;

  std::shared_ptr<async::Loop> loop;
  const TimeLimit& limit;
  detail::Handler<Results...> handler;

  [[nodiscard]] engine::PoolEngine& engine() const noexcept { return loop->engine(); }
  void now(std::exception_ptr error, Results... results) {
    async::complete_now(loop->executor(), std::move(handler), std::move(error), std::move(results)...);
  }
  template <class Kind, class... Args>
  void start(Args&&... args) {
    async::start<Kind>(std::move(handler), std::move(loop), limit, std::forward<Args>(args)...);
  }
};

/// To lease a connection.
struct LeaseRequest {
  SourceLocation where;
  Seconds timeout_of_calls;
  engine::TimePoint deadline_of_calls;
};

/// A job on a lease of its own, taken at this place in the program.
template <class To, class Kept>
void start_job(To&& to, const SourceLocation& where, Kept kept) {
  using Kind = engine::JobKind<async::Call, async::LeaseState, Kept>;
  to.template start<Kind>(where, std::move(kept));
}

template <class To>
void start_on(To&& to, std::unique_ptr<detail::Request> request) {
  const engine::KnownText text = engine::known_text(request->sql());
  pq::DescribeFirst first;
  try {
    if (request->shape() != nullptr) first = async::describe_first(to.engine(), *request, text);
  } catch (...) {
    return to.now(std::current_exception(), Result());
  }
  if (first) {
    const SourceLocation where = request->where();
    return start_job(to, where, async::KeptStatement{std::move(request), first});
  }
  to.template start<async::ExecuteCall>(std::move(request), text);
}

template <class To>
void start_on(To&& to, detail::ManyRequest request) {
  if (!request.rows) return to.now(nullptr, std::int64_t{0});
  const SourceLocation where = request.where;
  start_job(to, where, async::KeptRows{std::move(request), to.engine().joinable_texts()});
}

template <class To>
void start_on(To&& to, detail::ReturningRequest request) {
  if (!request.many.rows) return to.now(nullptr, std::vector<Result>());
  const SourceLocation where = request.many.where;
  start_job(to, where, async::KeptReturning{{std::move(request.many), to.engine().joinable_texts()}});
}

template <class To>
void start_on(To&& to, detail::CopyRequest request) {
  const SourceLocation where = request.where;
  if (request.sink != nullptr) return start_job(to, where, async::KeptCopyOut{std::move(request)});
  start_job(to, where, async::KeptCopyIn{std::move(request)});
}

template <class To>
void start_on(To&& to, Pipeline pipeline) {
  using Answer = typename std::remove_cvref_t<To>::Answer;
  using Kept =
      std::conditional_t<std::is_same_v<Answer, std::vector<Result>>, engine::KeptAll, engine::KeptPipeline>;
  if (pipeline.empty()) return to.now(nullptr, Answer());
  const SourceLocation where = pipeline.where();
  start_job(to, where, Kept(std::move(pipeline)));
}

template <class To>
void start_on(To&& to, const LeaseRequest& request) {
  to.template start<async::ConnectionCall>(request.where, request.timeout_of_calls,
                                           request.deadline_of_calls);
}

/// To wait for the pool as a whole.
template <class To>
void start_on(To&& to, engine::Milestone milestone) {
  to.template start<engine::PoolWaitKind<async::Call>>(milestone);
}

/// Starts a verb on a pool of one host.
template <class Request, class... Results>
void start_on(std::shared_ptr<async::Loop> loop, const TimeLimit& limit,
              detail::Handler<Results...>&& handler, Request request) {
  start_on(ToHandler<Results...>{std::move(loop), limit, std::move(handler)}, std::move(request));
}

}  // namespace copg::faces
