#include "sim/simulation.hpp"

#include <algorithm>

#include "sim/workload.hpp"

namespace copg::sim {
namespace {

class Run {
 public:
  Run(std::uint64_t seed, Sabotage sabotage, std::uint64_t until, Trace* record)
      : workload_(seed), harness_(workload_.options(), sabotage), until_(until), record_(record) {
    if (record_ != nullptr) *record_ = Trace{workload_.options(), {}};
  }

  RunResult operator()() {
    if (work() && recover()) end();
    return {inputs_, harness_.digest(), harness_.model().violation()};
  }

 private:
  bool apply(const Input& input) {
    if (inputs_ >= until_) return false;
    ++inputs_;
    if (record_ != nullptr) record_->inputs.push_back(input);
    if (!harness_.apply(input)) return false;
    workload_.observe(harness_, input);
    return true;
  }
  bool step() { return apply(workload_.next(harness_)); }
  bool command(InputKind kind) {
    Input input;
    input.kind = kind;
    input.now = std::max(harness_.model().now(), workload_.now());
    return apply(input);
  }

  bool work() {
    if (!command(InputKind::tick)) return false;
    for (std::uint32_t i = 0; i < workload_.length(); ++i) {
      if (!step()) return false;
    }
    return true;
  }

  /// I8: once the server is well, the pool serves, and is as large as it should be, within a known time.
  bool recover() {
    // The inputs that carry no time have not told the model what time it is.
    workload_.begin_recovery(harness_.model().now());
    if (!harness_.core().closed() && !command(InputKind::resume)) return false;
    const pool::TimePoint limit =
        workload_.now() +
        workload_.recovery_time(harness_.model().options().max_size, harness_.model().queue().size());
    while (harness_.model().now() < limit && !recovered()) {
      if (!step()) return false;
    }
    return true;
  }
  [[nodiscard]] bool recovered() const {
    const Model& model = harness_.model();
    return model.closed() ||
           (model.queue().empty() && model.granted().empty() &&
            (model.established() >= model.options().min_size || !workload_.can_stay_full()));
  }

  /// I9: after close, everything goes, and nothing comes.
  void end() {
    if (!recovered()) return fail("I8 recovery", "the server is well, and the pool has not recovered");
    workload_.begin_ending();
    if (!command(InputKind::close)) return;
    for (int i = 0; i < 1000 && !harness_.core().finished(); ++i) {
      if (i == 100 && !command(InputKind::cut)) return;
      if (!step()) return;
    }
    if (!harness_.core().finished()) fail("I9 nothing left", "closed, all answered, and not finished");
  }
  void fail(const char* invariant, const char* text) { harness_.report(invariant, text); }

  Workload workload_;
  Harness harness_;
  std::uint64_t until_;
  std::uint64_t inputs_ = 0;
  Trace* record_;
};

}  // namespace

RunResult run(std::uint64_t seed, Sabotage sabotage, std::uint64_t until, Trace* record) {
  return Run(seed, sabotage, until, record)();
}

RunResult replay(const Trace& trace, Sabotage sabotage) {
  Harness harness(trace.options, sabotage);
  std::uint64_t inputs = 0;
  for (const Input& input : trace.inputs) {
    ++inputs;
    if (!harness.apply(input)) break;
  }
  return {inputs, harness.digest(), harness.model().violation()};
}

}  // namespace copg::sim
