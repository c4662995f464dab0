#include "sim/engine/trace.hpp"

#include <algorithm>
#include <array>
#include <istream>
#include <stdexcept>

#include "sim/delete_runs.hpp"

namespace copg::sim {
namespace {

constexpr std::array<const char*, engine_inputs> names = {
    "start",  "background",    "go_on", "ready",     "wait",  "use_lease", "release",
    "cancel", "cancel_unsent", "drop",  "lose_loop", "kill",  "outage",    "resize",
    "drain",  "suspend",       "check", "watch",     "close", "fork"};
/// How often each comes.
constexpr std::array<std::uint32_t, engine_inputs> weights = {120, 300, 220, 220, 160, 60, 50, 30, 15, 12,
                                                              2,   12,  4,   6,   4,   4,  4,  6,  1,  4};

EngineStep next_step(std::uint64_t& random) {
  random = random * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's, 2.106
  const auto high = static_cast<std::uint32_t>(random >> 32);
  std::uint32_t total = 0;
  for (const std::uint32_t weight : weights) total += weight;
  auto at = static_cast<std::uint32_t>((static_cast<std::uint64_t>(high) * total) >> 32);
  std::size_t input = 0;
  while (at >= weights[input]) at -= weights[input++];
  return {static_cast<EngineInput>(input), static_cast<std::uint32_t>(random)};
}

}  // namespace

EngineTrace engine_trace(std::uint64_t seed, std::uint64_t until) {
  constexpr std::uint64_t most_inputs = 2000;
  EngineTrace trace{.seed = seed, .steps = {}};
  std::uint64_t random = seed * 0x9E3779B97F4A7C15ULL + 1;
  const std::uint64_t inputs = std::min(until, 50 + (random >> 32) % most_inputs);
  trace.steps.reserve(inputs);
  while (trace.steps.size() < inputs) trace.steps.push_back(next_step(random));
  return trace;
}

EngineTrace shrink_engine(EngineTrace trace, const std::function<bool(const EngineTrace&)>& fails) {
  delete_runs(trace, &EngineTrace::steps, fails);
  return trace;
}

std::string to_text(const EngineTrace& trace) {
  std::string text = "seed " + std::to_string(trace.seed) + '\n';
  for (const EngineStep& step : trace.steps)
    text += std::string(names[static_cast<std::size_t>(step.input)]) + ' ' + std::to_string(step.seed) + '\n';
  return text;
}

EngineTrace read_engine_trace(std::istream& in) {
  EngineTrace trace;
  std::string name;
  std::uint64_t number = 0;
  while (in >> name >> number) {
    if (name == "seed") {
      trace.seed = number;
      continue;
    }
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw std::runtime_error("not an input of the engine: " + name);
    trace.steps.push_back(
        {static_cast<EngineInput>(found - names.begin()), static_cast<std::uint32_t>(number)});
  }
  if (!in.eof()) throw std::runtime_error("not a trace of the engine");
  return trace;
}

}  // namespace copg::sim
