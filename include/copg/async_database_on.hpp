// The calls of a pool for event loops on a server of one role.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/deadline.hpp>
#include <copg/detail/async_leases.hpp>
#include <copg/detail/async_verbs.hpp>
#include <copg/detail/request.hpp>
#include <copg/pipeline.hpp>
#include <copg/role.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace engine {
struct TimeLimit;
}  // namespace engine
namespace faces {
class Hosts;
}  // namespace faces

/// The calls of a pool on a server of one role: what AsyncPooledDatabase::on returns. Small, and a value,
/// which its calls copy. It does not keep the pool open: once no pool object is left, its calls fail with
/// PoolClosed. Each has the pool's `timeout`, in which it also waits for a server that is fit, or else ends
/// with PoolTimeout, which says what each host was last seen to be. A call that is cancelled while it waits
/// for a server leaves at once. A connection that is leased is to the same server until the lease ends.
/// Thread-safe, except for destruction.
class AsyncDatabaseOn : public detail::AsyncVerbs<AsyncDatabaseOn>,
                        public detail::AsyncLeases<AsyncDatabaseOn> {
 public:
  /// The same calls, each of which ends by the deadline.
  [[nodiscard]] AsyncDatabaseOn within(Deadline deadline) const;
  [[nodiscard]] boost::asio::any_io_executor get_executor() const;

 private:
  friend class AsyncPooledDatabase;
  friend class AsyncDatabaseWithin;
  friend class detail::AsyncLeases<AsyncDatabaseOn>;
  friend class detail::AsyncVerbs<AsyncDatabaseOn>;

  AsyncDatabaseOn(std::shared_ptr<async::Loop> loop, std::shared_ptr<faces::Hosts> hosts, Role role,
                  const RoleOptions& options, std::optional<Deadline> deadline) noexcept;
  [[nodiscard]] AsyncDatabaseOn owner() const { return *this; }
  void start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request) const;
  void start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) const;
  void start(detail::Handler<std::vector<Result>> handler, detail::ReturningRequest request) const;
  void start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) const;
  void start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline) const;
  void start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) const;
  void start_connection(detail::Handler<AsyncConnection> handler, const SourceLocation& where) const;
  template <class Handler, class Request>
  void begin(Handler handler, Request request) const;
  [[nodiscard]] Seconds timeout() const;
  [[nodiscard]] engine::TimeLimit limit() const;

  std::shared_ptr<async::Loop> loop_;  // of one host; else null
  std::shared_ptr<faces::Hosts> hosts_;
  Role role_;
  RoleOptions options_;
  std::optional<Deadline> deadline_;
};

}  // namespace copg
#pragma GCC visibility pop
