// A call to one of several hosts: it waits for a host, and starts the ordinary call on the pool of that host.
// If the pool turns it away, nothing of it was sent, and it waits for another host, in its old place of the
// order and until the same deadline.
//
// Each of its parts is an async::Call of its own, which keeps the whole alive, and to which a cancellation is
// passed on. No decision and no counter.
#pragma once

#include <boost/asio/cancellation_type.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "async/calls.hpp"
#include "async/completion.hpp"
#include "cluster/types.hpp"
#include "faces/hosts.hpp"
#include "faces/verbs_on.hpp"
#include "routing/held_host.hpp"
#include "routing/host_kind.hpp"

namespace copg::faces {

/// A call that is made of others, one after the other.
class CallOfParts : public boost::intrusive_ref_counter<CallOfParts> {
 public:
  CallOfParts() = default;
  CallOfParts(const CallOfParts&) = delete;
  CallOfParts& operator=(const CallOfParts&) = delete;
  virtual ~CallOfParts() = default;

  /// As that of async::Call.
  void cancel(boost::asio::cancellation_type type) noexcept;
  /// The part is about to start. False: the whole was cancelled.
  [[nodiscard]] bool begins(async::Call& part) noexcept;
  /// The part is over, or gone.
  void ends(const async::Call& part) noexcept;

 protected:
  /// The error of a call that was cancelled.
  [[nodiscard]] static std::exception_ptr cancellation();

 private:
  std::mutex mutex_;
  bool cancelled_ = false;
  async::Call* part_ = nullptr;
};

/// A part. `Whole`: has `ended(inside, error, part)`.
template <class Kind, class Whole>
class Part final : public Kind {
 public:
  template <class... Args>
  explicit Part(boost::intrusive_ptr<Whole> whole, Args&&... args)
      : Kind(std::forward<Args>(args)...), whole_(std::move(whole)) {}
  ~Part() override {
    this->clean_up();
    whole_->ends(*this);
  }
  using Kind::results;
  /// Of a statement that was turned away.
  auto take_request() { return Kind::take_request(); }

 private:
  void complete(bool inside, std::exception_ptr error) override {
    whole_->ends(*this);
    whole_->ended(inside, std::move(error), *this);
  }

  const boost::intrusive_ptr<Whole> whole_;
};

/// Starts a part.
template <class Kind, class Whole, class... Args>
void start_part(const boost::intrusive_ptr<Whole>& whole, Args&&... args) {
  const boost::intrusive_ptr<Part<Kind, Whole>> part(
      new Part<Kind, Whole>(whole, std::forward<Args>(args)...));
  if (!whole->begins(*part)) return whole->cancelled();
  const engine::TimePoint time = engine::now();
  part->start(time, time);
}

/// Waits for a host, as a part of a call.
class HostCall : public routing::HostKind<async::Call> {
 protected:
  HostCall(std::shared_ptr<async::Loop> loop, const engine::TimeLimit& limit, routing::Router& router,
           routing::HostLease& lease, const cluster::Request& request)
      : routing::HostKind<async::Call>(router, request, std::move(loop), limit), lease_(lease) {}
  [[nodiscard]] static std::tuple<> results() noexcept { return {}; }

 private:
  [[nodiscard]] routing::HostLease& lease() noexcept final { return lease_; }

  routing::HostLease& lease_;
};

/// What starts a verb on the host that a routed call has got: see verbs_on.hpp.
template <class Whole>
struct ToHost {
  using Answer = typename Whole::Answer;

  boost::intrusive_ptr<Whole> whole;
  std::shared_ptr<async::Loop> loop;

  [[nodiscard]] engine::PoolEngine& engine() const noexcept { return loop->engine(); }
  template <class... Results>
  void now(std::exception_ptr error, Results... results) {
    whole->finish(false, std::move(error), std::move(results)...);
  }
  template <class Kind, class... Args>
  void start(Args&&... args) {
    start_part<Kind>(whole, std::move(loop), whole->limit(), std::forward<Args>(args)...);
  }
};

/// Whether that pool has turned the call away.
[[nodiscard]] bool is_turned_away(const std::exception_ptr& error) noexcept;

/// `Request`: what verbs_on.hpp starts.
template <class Request, class... Results>
class RoutedCall final : public CallOfParts {
 public:
  using Answer = std::tuple_element_t<0, std::tuple<Results..., std::nullptr_t>>;

  RoutedCall(std::shared_ptr<Hosts> hosts, engine::TimePoint deadline, const cluster::Request& wanted,
             detail::Handler<Results...>&& handler, Request request)
      : hosts_(std::move(hosts)),
        loop_(hosts_->loop()),
        deadline_(deadline),
        wanted_(wanted),
        request_(std::move(request)),
        host_(std::make_shared<routing::HeldHost>(hosts_->router(), routing::HostLease())),
        completion_(std::move(handler), *loop_) {
    completion_.cancel_with(*this);
  }

  /// Begins, once, and again after a host has turned it away.
  void seek() {
    start_part<HostCall>(boost::intrusive_ptr(this), loop_, limit(), *hosts_->router(), **host_, wanted_);
  }
  [[nodiscard]] engine::TimeLimit limit() const noexcept { return engine::TimeLimit::until(deadline_); }

  void ended(bool inside, std::exception_ptr error, Part<HostCall, RoutedCall>& /*part*/) {
    if (error) return finish(inside, std::move(error), Results()...);
    std::shared_ptr<async::Loop> there;
    try {
      there = hosts_->loop_of((**host_).host->pool);
    } catch (...) {  // out of descriptors or memory
      return finish(inside, std::current_exception(), Results()...);
    }
    ToHost<RoutedCall> to{boost::intrusive_ptr(this), std::move(there)};
    if constexpr (is_small) {
      start_on(std::move(to), request_);
    } else {
      start_on(std::move(to), std::move(request_));
    }
  }
  template <class Kind>
  void ended(bool inside, std::exception_ptr error, Part<Kind, RoutedCall>& part) {
    if (error && is_turned_away(error)) {
      if constexpr (!is_small) request_ = part.take_request();
      hosts_->router()->doubt(**host_);
      return seek();
    }
    std::apply([&](auto&... results) { finish(inside, std::move(error), std::move(results)...); },
               part.results());
  }
  void cancelled() { finish(false, cancellation(), Results()...); }

  /// The host's lease ends, unless that of a connection goes on.
  void finish(bool inside, std::exception_ptr error, Results... results) {
    if constexpr (std::is_same_v<Answer, AsyncConnection>) {
      if (!error) (async::ConnectionCall::keep_host(results, host_), ...);
    }
    host_.reset();
    completion_.complete(inside, *loop_, std::move(error), std::move(results)...);
  }

 private:
  /// It is copied into each attempt, in place of being taken back.
  static constexpr bool is_small = std::is_trivially_copyable_v<Request>;

  const std::shared_ptr<Hosts> hosts_;
  const std::shared_ptr<async::Loop> loop_;
  const engine::TimePoint deadline_;
  const cluster::Request wanted_;
  Request request_;
  std::shared_ptr<routing::HeldHost> host_;
  async::Completion<Results...> completion_;
};

/// Starts a call on a host that is fit. `wanted`: without a deadline.
template <class Request, class... Results>
void start_routed(std::shared_ptr<Hosts> hosts, engine::TimePoint deadline, const cluster::Request& wanted,
                  detail::Handler<Results...>&& handler, Request request) {
  boost::intrusive_ptr(new RoutedCall<Request, Results...>(std::move(hosts), deadline, wanted,
                                                           std::move(handler), std::move(request)))
      ->seek();
}

/// Waits until each of several pools has reached a milestone.
class EachPoolCall final : public CallOfParts {
 public:
  EachPoolCall(const std::shared_ptr<Hosts>& hosts, engine::TimePoint deadline, engine::Milestone milestone,
               const std::vector<std::shared_ptr<engine::PoolEngine>>& pools, detail::Handler<>&& handler);

  /// Begins, once.
  void next(bool inside, std::exception_ptr error);
  template <class Kind>
  void ended(bool inside, std::exception_ptr error, Part<Kind, EachPoolCall>& /*part*/) {
    next(inside, std::move(error));
  }
  void cancelled() { completion_.complete(false, *loop_, cancellation()); }

 private:
  const std::shared_ptr<async::Loop> loop_;
  const engine::TimePoint deadline_;
  const engine::Milestone milestone_;
  std::vector<std::shared_ptr<async::Loop>> pools_;  // those that are left
  async::Completion<> completion_;
};

/// Starts that wait.
void wait_for_each(const std::shared_ptr<Hosts>& hosts, const Deadline& deadline, engine::Milestone milestone,
                   const std::vector<std::shared_ptr<engine::PoolEngine>>& pools, detail::Handler<> handler);

/// The end of a call for what a pool of one host alone has.
template <class... Results>
void refuse_use(Hosts& hosts, detail::Handler<Results...> handler) {
  std::exception_ptr error;
  try {
    routing::Router::refuse_use();
  } catch (...) {
    error = std::current_exception();
  }
  async::complete_now(hosts.loop()->executor(), std::move(handler), std::move(error), Results()...);
}

}  // namespace copg::faces
