#include <copg/pooled_database.hpp>

#include <utility>

#include "engine/face.hpp"
#include "pq/execute_many_operation.hpp"
#include "pq/execute_operation.hpp"
#include "sync/call.hpp"

namespace copg {

namespace {

/// A lease for one call, which takes it.
class ShortLease {
 public:
  explicit ShortLease(engine::PoolEngine& engine) : engine_(engine) {}
  ShortLease(const ShortLease&) = delete;
  ShortLease& operator=(const ShortLease&) = delete;
  ~ShortLease() { engine_.release(lease_); }
  [[nodiscard]] detail::Lease& operator*() noexcept { return lease_; }

 private:
  engine::PoolEngine& engine_;
  detail::Lease lease_;
};

}  // namespace

PooledDatabase::PooledDatabase(const Config& config, PoolOptions options)
    : engine_(engine::face_of(engine::PoolEngine::create(config, std::move(options)))) {
  engine_->open();
}

PooledDatabase::PooledDatabase(std::shared_ptr<engine::PoolEngine> face) noexcept
    : engine_(std::move(face)) {}

PooledDatabase PooledDatabase::from_env(PoolOptions options,
                                        const std::optional<std::filesystem::path>& dotenv) {
  return PooledDatabase(Config::from_env(dotenv), std::move(options));
}

PooledDatabase PooledDatabase::from_url(std::string_view url, PoolOptions options) {
  return PooledDatabase(Config::from_url(url), std::move(options));
}

PooledDatabase::PooledDatabase(PooledDatabase&&) noexcept = default;

PooledDatabase& PooledDatabase::operator=(PooledDatabase&& other) noexcept = default;

PooledDatabase::~PooledDatabase() = default;

Result PooledDatabase::execute(const Sql& sql, const Params& params) {
  const sync::Span span(engine::duration_of(engine_->options().timeout));
  ShortLease lease(*engine_);
  return sync::call(
      *engine_, *lease, span, &sql.where(),
      [&](pq::Connection& connection) { return pq::ExecuteOperation(connection, sql.text(), params); },
      [](pq::ExecuteOperation& operation) {
        engine::raise_error_of(operation);
        return operation.take_result();
      });
}

std::int64_t PooledDatabase::execute_many(const Sql& sql, RowSource& rows) {
  const sync::Span span(engine::duration_of(engine_->options().timeout));
  ShortLease lease(*engine_);
  return sync::call(
      *engine_, *lease, span, &sql.where(),
      [&](pq::Connection& connection) { return pq::ExecuteManyOperation(connection, sql.text(), rows); },
      [](pq::ExecuteManyOperation& operation) {
        engine::rethrow(operation.source_error());
        engine::raise_error_of(operation);
        return operation.affected_rows();
      });
}

Connection PooledDatabase::connection(std::optional<Seconds> timeout, const SourceLocation& where) {
  if (timeout && !(timeout->count() >= 0)) throw UsageError("a timeout must be at least 0 s");
  const Seconds limit = engine_->options().timeout;
  sync::Span span(engine::duration_of(timeout.value_or(limit)));
  return {engine_->shared_from_this(), sync::acquire(*engine_, span, where), limit};
}

PoolStats PooledDatabase::stats() const { return engine_->stats(); }

void PooledDatabase::resize(int min_size, int max_size) { engine_->resize(min_size, max_size); }

void PooledDatabase::check() {
  engine_->start_check();
  sync::wait_until(*engine_, engine::Until::checked, engine::duration_of(engine_->options().timeout));
}

void PooledDatabase::wait(Seconds timeout) {
  if (!(timeout.count() >= 0)) throw UsageError("a timeout must be at least 0 s");
  sync::wait_until(*engine_, engine::Until::full, engine::duration_of(timeout));
}

void PooledDatabase::drain() { engine_->drain(); }

void PooledDatabase::suspend() { engine_->suspend(); }

void PooledDatabase::resume() { engine_->resume(); }

void PooledDatabase::close(Seconds timeout) noexcept {
  if (engine_) engine_->close(timeout.count() >= 0 ? engine::duration_of(timeout) : engine::Duration::zero());
}

const std::string& PooledDatabase::name() const noexcept { return engine_->name(); }

std::string PooledDatabase::to_string() const { return engine_->to_string("PooledDatabase"); }

}  // namespace copg
