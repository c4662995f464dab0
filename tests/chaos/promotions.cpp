// See promotions.hpp.
#include "chaos/promotions.hpp"

#include <stdexcept>

#include "support/direct_connection.hpp"
#include "support/eventually.hpp"

namespace copg::chaos {
namespace {

constexpr std::chrono::milliseconds between_looks{5};
constexpr std::chrono::milliseconds between_connects{50};

}  // namespace

Promotions::Promotions(const std::vector<std::string>& urls) {
  for (std::size_t i = 0; i < urls.size(); ++i)
    threads_.emplace_back([this, i, url = urls[i]] { watch(i, url); });
}

Promotions::~Promotions() {
  over_ = true;
  for (std::thread& thread : threads_) thread.join();
}

std::optional<Promotion> Promotions::last(Clock::time_point since) const {
  const std::lock_guard lock(mutex_);
  if (promotions_.empty() || promotions_.back().begun < since) return {};
  return promotions_.back();
}

void Promotions::rest(std::chrono::milliseconds time) const {
  static_cast<void>(test::eventually([&] { return over_.load(); }, time));
}

void Promotions::watch(std::size_t node, const std::string& url) {
  bool standby = false;
  while (!over_) {
    try {
      watch_connection(node, url, standby);
    } catch (const std::runtime_error&) {  // it does not run
      rest(between_connects);
    }
  }
}

void Promotions::watch_connection(std::size_t node, const std::string& url, bool& standby) {
  test::DirectConnection connection(url);
  while (!over_) {
    const bool was_standby =
        std::exchange(standby, connection.value("SELECT pg_is_in_recovery()", &over_) == "t");
    if (was_standby && !standby) {
      const auto begun = Clock::now();
      connection.value("INSERT INTO probed VALUES (1)", &over_);
      const std::lock_guard lock(mutex_);
      promotions_.push_back({.node = node, .begun = begun, .accepts = Clock::now()});
    }
    rest(between_looks);
  }
}

}  // namespace copg::chaos
