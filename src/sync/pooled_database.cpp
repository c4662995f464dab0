#include <copg/pooled_database.hpp>

#include <utility>

#include "engine/closing_handle.hpp"
#include "sync/call.hpp"

namespace copg {

PooledDatabase::PooledDatabase(const Config& config, PoolOptions options)
    : engine_(engine::closing_handle(
          engine::PoolEngine::create(config, std::move(options), detail::call_configure))) {
  engine_->open();
}

PooledDatabase::PooledDatabase(std::shared_ptr<engine::PoolEngine> face) noexcept
    : engine_(std::move(face)) {}

PooledDatabase PooledDatabase::from_env(PoolOptions options, const std::optional<std::string>& dotenv) {
  return PooledDatabase(Config::from_env(dotenv), std::move(options));
}

PooledDatabase PooledDatabase::from_url(std::string_view url, PoolOptions options) {
  return PooledDatabase(Config::from_url(url), std::move(options));
}

PooledDatabase::PooledDatabase(PooledDatabase&&) noexcept = default;

PooledDatabase& PooledDatabase::operator=(PooledDatabase&& other) noexcept = default;

PooledDatabase::~PooledDatabase() = default;

engine::PoolEngine& PooledDatabase::engine() const {
  if (!engine_) [[unlikely]]
    throw UsageError("this pool was moved away: use the one that it was moved to");
  return *engine_;
}

Result PooledDatabase::execute(const Sql& sql, const Params& params) {
  engine::PoolEngine& pool = engine();
  return sync::execute(pool, sync::CallClock(pool.timeout()), sql, params, engine::known_text(sql.text()));
}

Result PooledDatabase::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  engine::PoolEngine& pool = engine();
  const sync::CallClock clock(pool.timeout());
  const engine::KnownText text = engine::known_text(sql.text());
  const pq::DescribeFirst first = engine::describe_first(pool.fitting_texts(), text, sql.text(), shape);
  if (!first) [[likely]]
    return sync::execute(pool, clock, sql, params, text);
  return sync::call(pool, clock, sql.where(), engine::ExecuteJob{sql.text(), params, first});
}

std::int64_t PooledDatabase::execute_many(const Sql& sql, RowSource& rows) {
  engine::PoolEngine& pool = engine();
  return sync::call(pool, sync::CallClock(pool.timeout()), sql.where(),
                    engine::ExecuteManyJob{sql.text(), rows, pool.joinable_texts()});
}

Connection PooledDatabase::connection(std::optional<Seconds> timeout, const SourceLocation& where) {
  if (timeout && !(timeout->count() >= 0)) throw UsageError("a timeout must be at least 0 s");
  engine::PoolEngine& pool = engine();
  const Seconds limit = pool.options().timeout;
  sync::CallClock clock(engine::duration_of(timeout.value_or(limit)));
  return {pool.shared_from_this(), sync::acquire(pool, clock, where), limit};
}

PoolStats PooledDatabase::stats() const { return engine().stats(); }

void PooledDatabase::resize(int min_size, int max_size) { engine().resize(min_size, max_size); }

void PooledDatabase::check() {
  engine::PoolEngine& pool = engine();
  pool.start_check();
  sync::wait_for(pool, engine::Milestone::checked, pool.timeout());
}

void PooledDatabase::wait(Seconds timeout) {
  if (!(timeout.count() >= 0)) throw UsageError("a timeout must be at least 0 s");
  sync::wait_for(engine(), engine::Milestone::full, engine::duration_of(timeout));
}

void PooledDatabase::drain() { engine().drain(); }

void PooledDatabase::suspend() { engine().suspend(); }

void PooledDatabase::resume() { engine().resume(); }

void PooledDatabase::close(Seconds timeout) noexcept {
  if (engine_) engine_->close(timeout.count() >= 0 ? engine::duration_of(timeout) : engine::Duration::zero());
}

const std::string& PooledDatabase::name() const { return engine().name(); }

std::string PooledDatabase::to_string() const { return engine().to_string("PooledDatabase"); }

}  // namespace copg
