// How old the data of a replica are, by what the primary had written.
#include "routing/written_log.hpp"

#include <gtest/gtest.h>

namespace copg::test {
namespace {

using cluster::Observation;
using engine::Duration;
using engine::TimePoint;
using routing::WrittenLog;
using namespace std::chrono_literals;

constexpr TimePoint begin = TimePoint(1000s);

Observation primary_at(cluster::Lsn position, std::uint32_t timeline = 1) {
  return {.primary = true, .system = 7, .instance = 1, .timeline = timeline, .position = position};
}
Observation replica_at(cluster::Lsn position, std::uint32_t timeline = 1) {
  return {.system = 7, .instance = 2, .timeline = timeline, .position = position, .lag = cluster::forever};
}

TEST(WrittenLog, of_a_primary_that_was_never_asked_tells_nothing) {
  EXPECT_EQ(WrittenLog().age(begin, replica_at(100)), cluster::forever);
}

TEST(WrittenLog, gives_the_age_since_the_primary_had_written_no_more_than_the_replica_has) {
  WrittenLog log;
  log.note(begin, primary_at(100));
  log.note(begin + 1s, primary_at(200));
  log.note(begin + 2s, primary_at(300));
  EXPECT_EQ(log.age(begin + 3s, replica_at(99)), cluster::forever);
  EXPECT_EQ(log.age(begin + 3s, replica_at(100)), 3s);
  EXPECT_EQ(log.age(begin + 3s, replica_at(299)), 2s);
  EXPECT_EQ(log.age(begin + 3s, replica_at(300)), 1s);
  EXPECT_EQ(log.age(begin + 3s, replica_at(400)), 1s);
}

TEST(WrittenLog, of_an_idle_primary_keeps_the_data_young) {
  WrittenLog log;
  for (int i = 0; i <= 100; ++i) log.note(begin + i * 1s, primary_at(100));
  EXPECT_EQ(log.age(begin + 100s, replica_at(100)), 0s);
}

TEST(WrittenLog, keeps_the_last_entries) {
  WrittenLog log;
  for (int i = 0; i <= 100; ++i) log.note(begin + i * 1s, primary_at(100 + static_cast<cluster::Lsn>(i)));
  EXPECT_EQ(log.age(begin + 100s, replica_at(190)), 10s);
  EXPECT_EQ(log.age(begin + 100s, replica_at(110)), cluster::forever);
}

TEST(WrittenLog, of_one_history_says_nothing_of_another) {
  WrittenLog log;
  log.note(begin, primary_at(100));
  EXPECT_EQ(log.age(begin, replica_at(100, 2)), cluster::forever);
  log.note(begin + 1s, primary_at(150, 2));
  EXPECT_EQ(log.age(begin + 1s, replica_at(200, 1)), cluster::forever);
  EXPECT_EQ(log.age(begin + 1s, replica_at(120, 2)), cluster::forever);
  EXPECT_EQ(log.age(begin + 1s, replica_at(150, 2)), 0s);
}

TEST(WrittenLog, forgets_what_a_crash_has_taken_back) {
  WrittenLog log;
  log.note(begin, primary_at(100));
  log.note(begin + 1s, primary_at(90));
  EXPECT_EQ(log.age(begin + 1s, replica_at(89)), cluster::forever);
  EXPECT_EQ(log.age(begin + 1s, replica_at(95)), 0s);
}

}  // namespace
}  // namespace copg::test
