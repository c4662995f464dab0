// The jobs of one tenant, in the table of ../job_queue/jobs.sql: what the program does with the database.
// Knows nothing of the command line.
#pragma once

#include <copg/copy_stream.hpp>
#include <copg/pooled_database.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace example {

using JobId = std::int64_t;

/// How many jobs there are in each state.
struct JobCounts {
  std::int64_t waiting = 0;
  std::int64_t done = 0;
  std::int64_t failed = 0;
};

/// Any number of threads may share it. `db` must outlive it. Throws copg::Error.
class JobQueue {
 public:
  JobQueue(copg::PooledDatabase& db, int tenant) : db_(db), tenant_(std::to_string(tenant)) {}

  /// CSV with a header and one column: each line becomes a job, or none does. Returns their number.
  std::int64_t import_csv(copg::CopySource& source);
  /// All jobs as CSV with a header. Returns their number.
  std::int64_t export_csv(copg::CopySink& sink);
  [[nodiscard]] JobCounts counts();
  /// Ends the first job that no other worker has at hand; nothing if there is none. If this process dies
  /// meanwhile, the job waits again.
  std::optional<JobId> work_on_one();
  /// Works until `ending`, and, if `until_empty`, until no job is waiting. Calls `ended` behind each job.
  /// Blocks. To be called once for each worker.
  void work(const std::atomic<bool>& ending, bool until_empty, const std::function<void(JobId)>& ended);

 private:
  [[nodiscard]] copg::TransactionOptions as_tenant() const;
  void wait_for_jobs(copg::Listener& listener, const std::atomic<bool>& ending) const;

  copg::PooledDatabase& db_;
  const std::string tenant_;
};

}  // namespace example
