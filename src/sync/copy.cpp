// Each member is one call on the connection, within the deadline of the whole COPY.
#include <copg/connection.hpp>
#include <copg/copy.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "engine/calls/copy_jobs.hpp"
#include "engine/calls/inspect.hpp"
#include "sync/call.hpp"

namespace copg {

using engine::CopyStepJob;
using pq::CopyWish;

template <class Job>
auto Copy::call(Job job) {
  const bool has_own = deadline_.at() != Deadline().at();  // in place of the timeout
  const engine::TimeLimit limit(engine::duration_of(has_own ? Seconds(HUGE_VAL) : connection_.timeout_),
                                std::min(connection_.deadline_.at(), deadline_.at()));
  return sync::call(*connection_.engine_, connection_.lease_, sync::CallClock(limit), std::move(job),
                    detail::LeaseAccess::transactions(connection_));
}

Copy::Copy(Connection& connection, std::string_view sql, Deadline deadline)
    : connection_(connection), deadline_(deadline), copy_(std::make_unique<pq::KeptCopy>(std::string(sql))) {
  call(CopyStepJob<CopyWish::begin>{*copy_});
}

Copy::Copy(Copy&&) noexcept = default;

Copy::~Copy() {
  if (!copy_ || !copy_->open()) return;
  try {
    cancel();
  } catch (...) {  // giving the connection back cleans it
  }
}

void Copy::abandon() noexcept { copy_.reset(); }

void Copy::follows(std::int64_t rows) noexcept { copy_->follows(rows); }

void Copy::write(std::string_view data) {
  if (!rows_.empty()) write_rows();
  call(CopyStepJob<CopyWish::write>{*copy_, data});
}

void Copy::write_rows() {
  call(CopyStepJob<CopyWish::write>{*copy_, rows_});
  rows_.clear();
}

std::string_view Copy::read() {
  piece_ = call(CopyStepJob<CopyWish::read>{*copy_});
  return piece_;
}

std::int64_t Copy::finish() {
  if (!rows_.empty()) write_rows();
  return call(CopyStepJob<CopyWish::finish>{*copy_});
}

void Copy::cancel() {
  rows_.clear();
  call(CopyStepJob<CopyWish::give_up>{*copy_});
}

Copy Connection::copy(const Sql& sql) { return {*this, sql.text(), Deadline()}; }

Copy ConnectionWithin::copy(const Sql& sql) { return {connection_, sql.text(), deadline_}; }

}  // namespace copg
