// What callers do in the simulation of the engine: a statement, a job, taking a lease, waiting for the pool.
#pragma once

#include <copg/detail/request.hpp>
#include <copg/error.hpp>
#include <copg/result.hpp>

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "engine/pool_engine.hpp"
#include "sim/engine/call.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

using engine::Lease;

[[nodiscard]] inline const char* text_of(Deed deed) noexcept {
  switch (deed) {
    case Deed::reads: return "SELECT $1";
    case Deed::writes: return "INSERT INTO t VALUES ($1)";
    case Deed::waits: return "SELECT pg_sleep($1)";
    case Deed::begins: return "BEGIN -- $1";
    case Deed::ends: return "COMMIT -- $1";
    case Deed::litters: return "SET a.b = 'c' -- $1";
    case Deed::configures: return "SELECT configure($1)";
  }
  return "";
}

[[nodiscard]] inline std::unique_ptr<detail::Request> request_of(Deed deed, std::uint32_t token) {
  return detail::make_request(Sql(text_of(deed)), std::to_string(token));
}

[[nodiscard]] inline bool is_answer(const Result& result, std::uint32_t token) {
  return result.size() == 1 && result[0][0].text() == std::to_string(token);
}

/// One statement on a lease of its own.
class StatementCall final : public engine::StatementKind<Call> {
 public:
  StatementCall(Home home, Duration timeout, Deed deed, std::uint32_t number)
      : StatementKind(home, timeout), request_(request_of(deed, number)) {
    token = number;
  }
  ~StatementCall() override { clean_up(); }
  [[nodiscard]] bool right() { return is_answer(std::get<0>(results()), token); }

 private:
  Progress begin(TimePoint time, TimePoint until) override {
    const Progress progress = begin_with(request_->sql(), engine::known_text(request_->sql()), *request_,
                                         time, until, request_->where());
    World::here().let_others_act();  // before it has come to rest
    return progress;
  }
  std::unique_ptr<detail::Request> lend() override { return std::move(request_); }
  void take_back(std::unique_ptr<detail::Request> request) noexcept override {
    request_ = std::move(request);
  }

  std::unique_ptr<detail::Request> request_;
};

/// A lease in the hands of a caller.
struct Holder {
  explicit Holder(engine::PoolEngine& on) : engine(on) {}
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { engine.leases().release(lease); }

  [[nodiscard]] engine::TransactionStack transactions() const { return {.autocommit = true, .depth = 0}; }
  void call_begins(Call& call) {
    if (user != nullptr) throw UsageError("two calls on one lease");
    user = &call;
  }
  void call_ends(Call& call) noexcept {
    if (user == &call) user = nullptr;
  }

  engine::PoolEngine& engine;
  Lease lease;
  Call* user = nullptr;
};

/// What a job refers to.
struct Kept {
  std::unique_ptr<detail::Request> request;
  [[nodiscard]] engine::ExecuteJob job() const { return {request->sql(), *request}; }
};

class JobCall final : public engine::JobKind<Call, Holder, Kept> {
 public:
  JobCall(Home home, Duration timeout, Deed deed, std::uint32_t number)
      : JobKind(home, timeout, SourceLocation::current(), Kept{request_of(deed, number)}) {
    token = number;
  }
  JobCall(Home home, Duration timeout, std::shared_ptr<Holder> holder, Deed deed, std::uint32_t number)
      : JobKind(home, timeout, std::move(holder), Kept{request_of(deed, number)}) {
    token = number;
  }
  ~JobCall() override { clean_up(); }
  [[nodiscard]] bool right() { return is_answer(std::get<0>(results()), token); }
};

class TakeCall final : public engine::LeaseKind<Call> {
 public:
  TakeCall(Home home, Duration timeout, std::shared_ptr<Holder> holder)
      : LeaseKind(home, timeout, SourceLocation::current()), holder_(std::move(holder)) {}
  ~TakeCall() override { clean_up(); }
  [[nodiscard]] const std::shared_ptr<Holder>& holder() const noexcept { return holder_; }

 private:
  Lease& lease() noexcept override { return lease_; }
  void take_result() override { holder_->lease = std::exchange(lease_, {}); }
  void give_back() noexcept override { engine().leases().release(lease_); }

  const std::shared_ptr<Holder> holder_;
  Lease lease_;
};

class PoolWaitCall final : public engine::PoolWaitKind<Call> {
 public:
  PoolWaitCall(Home home, Duration timeout, engine::Milestone milestone)
      : PoolWaitKind(home, timeout, milestone) {}
  ~PoolWaitCall() override { clean_up(); }
};

}  // namespace copg::sim
