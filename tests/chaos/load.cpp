// See load.hpp.
#include "chaos/load.hpp"

#include <algorithm>

namespace copg::chaos {
namespace {

constexpr std::chrono::seconds slack{2};    // for a machine that is busy with a whole cluster
constexpr std::chrono::seconds max_lag{3};  // hosts are asked once in a second
constexpr std::chrono::milliseconds pace{250};

std::string name_of(const Error& error) {
  std::string name(to_string(error.kind()));
  const std::string state(error.sqlstate().text());
  return state.empty() ? name : name + " " + state;
}

}  // namespace

/// One thread's.
struct Load::Writer {
  int id;
  std::int64_t seen = 0;  // every read within max_lag sees this number, or a later one
  std::deque<Acknowledged> young{};
  bool from_replica = false;

  void age(Clock::time_point now) {
    for (; !young.empty() && young.front().at + max_lag <= now; young.pop_front())
      seen = young.front().number;
  }
};

Load::Load(PooledDatabase& db, int threads, bool replicas) : db_(db), replicas_(replicas) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i] { run(i); });
}

Load::~Load() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Load::pause() {
  std::unique_lock lock(mutex_);
  paused_ = true;
  changed_.wait(lock, [&] { return under_way_ == 0; });
}

void Load::go_on() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
  changed_.notify_all();
}

Counts Load::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<Acknowledged> Load::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

void Load::forget() {
  const std::lock_guard lock(mutex_);
  acknowledged_.clear();
}

std::optional<Clock::time_point> Load::first_write(int port, Clock::time_point since) const {
  const std::lock_guard lock(mutex_);
  std::optional<Clock::time_point> first;
  for (const Acknowledged& write : acknowledged_) {
    if (write.port == port && write.at >= since) first = std::min(first.value_or(write.at), write.at);
  }
  return first;
}

bool Load::begin_step() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return over_ || !paused_; });
  if (!over_) ++under_way_;
  return !over_;
}

void Load::end_step() {
  const std::lock_guard lock(mutex_);
  if (--under_way_ == 0) changed_.notify_all();
}

void Load::rest() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, pace, [&] { return over_; });
}

void Load::run(int number) {
  Writer writer{.id = number};
  while (begin_step()) {
    write(writer);
    read(writer);
    end_step();
    rest();
  }
}

void Load::write(Writer& writer) {
  const std::int64_t number = ++last_number_;
  call(counts_.write_errors, [&] {
    const int port = db_.fetch_val<int>(
        "INSERT INTO written VALUES ($1, $2) RETURNING current_setting('port')::int", writer.id, number);
    const Acknowledged write{.number = number, .at = Clock::now(), .port = port};
    writer.young.push_back(write);
    const std::lock_guard lock(mutex_);
    ++counts_.writes;
    acknowledged_.push_back(write);
  });
}

void Load::read(Writer& writer) {
  writer.age(Clock::now());
  writer.from_replica = !writer.from_replica;
  const Role role = replicas_ && writer.from_replica ? Role::replica : Role::any;
  call(counts_.read_errors, [&] {
    const auto number = db_.on(role, {.max_lag = max_lag})
                            .fetch_val<std::int64_t>(
                                "SELECT coalesce(max(number), 0) FROM written WHERE writer = $1", writer.id);
    const std::lock_guard lock(mutex_);
    ++counts_.reads;
    if (number < writer.seen) ++counts_.stale;
  });
}

void Load::call(std::map<std::string, std::int64_t>& errors, const std::function<void()>& body) {
  const auto begin = Clock::now();
  std::optional<std::string> failed;
  try {
    body();
  } catch (const Error& error) {
    failed = name_of(error);
  }
  const bool late = Clock::now() - begin > call_timeout + slack;
  if (!failed && !late) return;
  const std::lock_guard lock(mutex_);
  if (failed) ++errors[*failed];
  if (late) ++counts_.late;
}

}  // namespace copg::chaos
