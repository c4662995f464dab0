#include "engine/calls/transaction_stack.hpp"

#include <algorithm>
#include <optional>
#include <ranges>

namespace copg::engine {

namespace {

std::string savepoint_name(int savepoint) { return "copg_" + std::to_string(savepoint); }

}  // namespace

int TransactionStack::depth_after(int savepoint) const noexcept {
  return std::min(depth, std::max(savepoint - 1, 0));
}

std::shared_ptr<const pq::OwnBeginning> beginning_with(const TransactionOptions& options,
                                                       ResolveCommits resolve) {
  if (options.resolve_commit.value_or(false) && resolve == ResolveCommits::never) {
    throw UsageError(
        "a transaction with resolve_commit needs a pool whose option resolve_commits is not `never`: its "
        "connections then ask which server they are connected to");
  }
  return std::make_shared<const pq::OwnBeginning>(options);
}

SavepointOptions::SavepointOptions(const TransactionOptions& options)
    : read_only_(options.read_only), settings_(pq::local_settings(options)) {
  if (options.isolation || options.deferrable) {
    throw UsageError(
        "a transaction inside another is a savepoint, which has the isolation of the transaction around it: "
        "give isolation and deferrable to the outermost");
  }
  if (options.resolve_commit) {
    throw UsageError(
        "a transaction inside another is a savepoint, which has no COMMIT: give resolve_commit to the "
        "outermost");
  }
  for (const auto& [name, value] : options.settings) names_.push_back(name);
  if (!options.role.empty()) names_.emplace_back("role");
}

Pipeline SavepointOptions::begin(int savepoint) const {
  Pipeline pipeline;
  pipeline.add(begin_savepoint(savepoint));
  if (read_only_) pipeline.add("SET TRANSACTION READ ONLY");  // PostgreSQL undoes this one by itself
  if (names_.empty()) return pipeline;
  std::string sql;
  Params params;
  for (const std::string& name : names_) {
    sql += (sql.empty() ? "SELECT pg_catalog.current_setting($" : ", pg_catalog.current_setting($") +
           std::to_string(params.size() + 1) + ", true)";
    params.add(name);
  }
  return pipeline.add(sql, std::move(params)).add(settings_.sql, settings_.params);
}

void SavepointOptions::begun(const std::vector<PipelineAnswer>& answers) {
  require_success(answers);
  if (names_.empty()) return;
  // The role first: it may not be allowed to set what was set before it.
  const Row before = (*answers[answers.size() - 2])[0];
  for (std::size_t i = names_.size(); i-- > 0;)
    pq::add_setting(restoring_, names_[i], before[i].as<std::optional<std::string_view>>());
}

Pipeline SavepointOptions::release(int savepoint) const {
  Pipeline pipeline;
  if (!restoring_.sql.empty()) pipeline.add(restoring_.sql, restoring_.params);
  return pipeline.add(end_savepoint(savepoint, true));
}

void require_success(const std::vector<PipelineAnswer>& answers) {
  for (const PipelineAnswer& answer : answers) static_cast<void>(answer.value());
}

std::string begin_savepoint(int savepoint) { return "SAVEPOINT " + savepoint_name(savepoint); }

std::string end_savepoint(int savepoint, bool commit) {
  const std::string name = savepoint_name(savepoint);
  return commit ? "RELEASE SAVEPOINT " + name
                : "ROLLBACK TO SAVEPOINT " + name + "; RELEASE SAVEPOINT " + name;
}

}  // namespace copg::engine
