#include "sim/engine/trace.hpp"

#include <algorithm>
#include <array>
#include <istream>
#include <stdexcept>

#include "sim/delete_runs.hpp"

namespace copg::sim {
namespace {

constexpr std::array<const char*, engine_inputs> names = {
    "start", "thread",    "run",     "interrupt", "background",    "go_on", "ready",
    "wait",  "use_lease", "release", "cancel",    "cancel_unsent", "drop",  "lose_loop",
    "kill",  "outage",    "resize",  "drain",     "suspend",       "check", "watch",
    "close", "fork",      "listen",  "notify"};
using Weights = std::array<std::uint32_t, engine_inputs>;
/// How often each comes.
constexpr Weights usual = {70, 60, 400, 4, 250, 150, 150, 150, 50, 40, 30, 15, 12,
                           2,  12, 4,   6, 4,   4,   4,   6,   1,  4,  0,  0};
/// In a short life: the pool is closed early, when much is under way, and connections are lost all the time.
constexpr Weights short_life = {90, 120, 400, 6, 250, 150, 150, 150, 30, 20, 30, 15, 8,
                                1,  60,  2,   2, 6,   2,   2,   4,   10, 2,  0,  0};
constexpr std::uint64_t inputs_of_short_life = 400;
constexpr std::uint32_t all_parts = (1U << engine_parts) - 1;

EngineStep next_step(std::uint64_t& random, const Weights& weights) {
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

EngineParts parts_of(std::uint64_t seed) noexcept {
  const auto mixed = static_cast<std::uint32_t>((seed * 0x9E3779B97F4A7C15ULL) >> 32);  // Fibonacci hashing
  return mixed % 4 == 0 ? EngineParts() : EngineParts((mixed >> 8) & all_parts);
}

EngineTrace engine_trace(std::uint64_t seed, std::uint64_t until) {
  return engine_trace(seed, parts_of(seed), until);
}

EngineTrace engine_trace(std::uint64_t seed, EngineParts parts, std::uint64_t until) {
  constexpr std::uint64_t most_inputs = 2000;
  EngineTrace trace{.seed = seed, .parts = parts, .steps = {}};
  std::uint64_t random = seed * 0x9E3779B97F4A7C15ULL + 1;
  const bool is_short = (random >> 20) % 2 == 0;
  const std::uint64_t most = is_short ? inputs_of_short_life : most_inputs;
  const std::uint64_t inputs = std::min(until, 50 + (random >> 32) % most);
  trace.steps.reserve(inputs);
  Weights weights = is_short ? short_life : usual;
  if (parts.has(EnginePart::listeners)) {
    weights[static_cast<std::size_t>(EngineInput::listen)] = 150;
    weights[static_cast<std::size_t>(EngineInput::notify)] = 100;
  }
  while (trace.steps.size() < inputs) trace.steps.push_back(next_step(random, weights));
  return trace;
}

EngineTrace shrink_engine(EngineTrace trace, const std::function<bool(const EngineTrace&)>& fails) {
  delete_runs(trace, &EngineTrace::steps, fails);
  return trace;
}

std::string to_text(const EngineTrace& trace) {
  std::string text =
      "seed " + std::to_string(trace.seed) + "\nparts " + std::to_string(trace.parts.bits()) + '\n';
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
    if (name == "parts") {
      trace.parts = EngineParts(static_cast<std::uint32_t>(number));
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
