// See jobs.hpp.
#include "jobs.hpp"

#include <chrono>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <variant>

namespace example {
namespace {

using namespace std::chrono_literals;

constexpr auto copy_limit = 1h;  // a CSV file may be large, and standard input slow
constexpr auto look_at_ending_after = 200ms;
// If a worker dies, its job waits again, and nobody sends a notification of that.
constexpr auto look_at_table_after = 10s;

// The checks are those of `jobs`: made here, an error names the line of the file.
constexpr auto make_incoming =
    "CREATE TEMPORARY TABLE incoming (payload text NOT NULL CHECK (payload <> '')) ON COMMIT DROP";
constexpr auto copy_incoming = "COPY incoming FROM STDIN (FORMAT csv, HEADER)";
constexpr auto insert_incoming = "INSERT INTO jobs (payload) SELECT payload FROM incoming";
constexpr auto copy_jobs_out =
    "COPY (SELECT id, payload, state, result FROM jobs ORDER BY id) TO STDOUT (FORMAT csv, HEADER)";
constexpr auto count_jobs =
    "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'done'), "
    "count(*) FILTER (WHERE state = 'failed') FROM jobs";
// Other workers step over the locked row, and find it ended or waiting once this transaction is over.
constexpr auto take_job =
    "SELECT id, payload FROM jobs WHERE state = 'waiting' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1";
constexpr auto end_job = "UPDATE jobs SET state = $2, result = $3, ended_at = now() WHERE id = $1";

struct Job {
  JobId id = 0;
  std::string payload;
};

/// What a job is: to count the words of its payload.
std::string count_words(const std::string& payload) {
  if (payload.starts_with("fail")) throw std::runtime_error("it was told to fail");
  std::istringstream words(payload);
  return std::to_string(
      std::distance(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()));
}

}  // namespace

/// The policy of the table shows these transactions the tenant's jobs and no others.
copg::TransactionOptions JobQueue::as_tenant() const {
  return {.settings = {{"app.tenant", tenant_}}, .role = "job_tenant"};
}

std::int64_t JobQueue::import_csv(copg::CopySource& source) {
  // PostgreSQL refuses COPY into a table with row level security, so another one stands in between.
  return db_.transaction(as_tenant(), [&](copg::Connection& conn) {
    conn.timeout(copy_limit);
    conn.execute(make_incoming);
    conn.copy_in(copy_incoming, source);
    return conn.execute(insert_incoming).affected_rows();
  });
}

std::int64_t JobQueue::export_csv(copg::CopySink& sink) {
  return db_.transaction(as_tenant(), [&](copg::Connection& conn) {
    conn.timeout(copy_limit);
    return conn.copy_out(copy_jobs_out, sink);
  });
}

JobCounts JobQueue::counts() {
  return db_.transaction(
      as_tenant(), [](copg::Connection& conn) { return conn.fetch_one<JobCounts>(count_jobs).value(); });
}

std::optional<JobId> JobQueue::work_on_one() {
  return db_.transaction(as_tenant(), [](copg::Connection& conn) -> std::optional<JobId> {
    const std::optional<Job> job = conn.fetch_one<Job>(take_job);
    if (!job) return std::nullopt;
    std::string_view state = "done";
    std::string result;
    try {
      result = count_words(job->payload);
    } catch (const std::exception& error) {
      state = "failed";
      result = error.what();
    }
    conn.execute(end_job, job->id, state, result);
    return job->id;
  });
}

void JobQueue::work(const std::atomic<bool>& ending, bool until_empty,
                    const std::function<void(JobId)>& ended) {
  // It listens before it looks into the table, so that no job can come unnoticed in between.
  std::optional<copg::Listener> listener;
  if (!until_empty) listener.emplace(db_.listener({"jobs"}));
  while (!ending) {
    if (const std::optional<JobId> id = work_on_one()) {
      ended(*id);
    } else if (listener) {
      wait_for_jobs(*listener, ending);
    } else {
      return;
    }
  }
}

void JobQueue::wait_for_jobs(copg::Listener& listener, const std::atomic<bool>& ending) const {
  const copg::Deadline look_anyway = look_at_table_after;
  while (!ending && look_anyway.left() > 0s) {
    const std::optional<copg::Arrival> arrival = listener.next(look_at_ending_after);
    if (!arrival) continue;
    const auto* const note = std::get_if<copg::Notification>(&*arrival);
    if (note && note->payload != tenant_) continue;
    // It is for this tenant, or a Gap, in which one may be missing. One look serves all that came by now.
    while (listener.next(0s)) {
    }
    return;
  }
}

}  // namespace example
