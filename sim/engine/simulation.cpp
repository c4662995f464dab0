#include "sim/engine/simulation.hpp"

#include "sim/engine/run.hpp"

namespace copg::sim {

EngineResult run_engine(const EngineTrace& trace, std::optional<engine::Mend> removed) {
  EngineResult result;
  EngineRun run(trace.seed, trace.parts, removed);
  for (const EngineStep& step : trace.steps) {
    if (run.broken()) break;
    run.apply(step);
    ++result.inputs;
  }
  run.finish();
  result.digest = run.digest();
  result.broken = World::here().broken();
  return result;
}

}  // namespace copg::sim
