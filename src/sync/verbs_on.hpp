// The verbs of a pool on one engine: what PooledDatabase and its handles call.
#pragma once

#include <copg/pooled_database.hpp>

#include <cstdint>
#include <vector>

#include "engine/calls/copy_jobs.hpp"
#include "sync/call.hpp"

namespace copg::sync {

using engine::TimeLimit;

inline Result execute_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, const Params& params) {
  return execute(pool, CallClock(limit), sql, params, engine::known_text(sql.text()));
}

inline Result fetch_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, const Params& params,
                       const detail::RowShape& shape) {
  const CallClock clock(limit);
  const engine::KnownText text = engine::known_text(sql.text());
  const pq::DescribeFirst first = engine::describe_first(pool.fitting_texts(), text, sql.text(), shape);
  if (!first) [[likely]]
    return execute(pool, clock, sql, params, text);
  return call(pool, clock, sql.where(), engine::ExecuteJob{sql.text(), params, first});
}

inline std::int64_t execute_many_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql,
                                    RowSource& rows) {
  return call(pool, CallClock(limit), sql.where(),
              engine::ExecuteManyJob{sql.text(), rows, pool.joinable_texts()});
}

inline std::vector<Result> many_returning_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql,
                                             RowSource& rows) {
  pq::ReturnedRows returned;
  return call(pool, CallClock(limit), sql.where(),
              engine::ReturningJob{{sql.text(), rows, pool.joinable_texts()}, returned});
}

inline std::vector<PipelineAnswer> execute_on(PoolEngine& pool, const TimeLimit& limit,
                                              const Pipeline& pipeline) {
  if (pipeline.empty()) return {};
  engine::PipelineAnswers answers(pipeline);
  return call(pool, CallClock(limit), pipeline.where(), engine::PipelineJob{answers});
}

inline std::vector<Result> execute_all_on(PoolEngine& pool, const TimeLimit& limit,
                                          const Pipeline& pipeline) {
  if (pipeline.empty()) return {};
  const auto statements = engine::statements_of(pipeline);
  return call(pool, CallClock(limit), pipeline.where(), engine::ExecuteAllJob{statements});
}

inline std::int64_t copy_in_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, CopySource& source) {
  return call(pool, CallClock(limit), sql.where(), engine::CopyInJob{sql.text(), source});
}

inline std::int64_t copy_out_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, CopySink& sink) {
  return call(pool, CallClock(limit), sql.where(), engine::CopyOutJob{sql.text(), sink});
}

inline detail::Lease lease_on(PoolEngine& pool, const TimeLimit& limit, const SourceLocation& where) {
  CallClock clock(limit);
  return acquire(pool, clock, where);
}

}  // namespace copg::sync
