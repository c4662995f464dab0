// Which sizes `copg tune` measures, and which one it advises, on loads whose throughput is known.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "tools/tune_chart.hpp"
#include "tools/tune_search.hpp"

namespace copg::tools {
namespace {

using Throughput = std::function<double(int size, int round)>;

std::map<int, int> measure(TuneSearch& search, const Throughput& throughput) {
  std::map<int, int> rounds;
  while (const auto size = search.next()) {
    search.add(*size,
               {.per_second = throughput(*size, rounds[*size]), .p50_ms = 1, .p99_ms = 2, .client_cpu = 1});
    ++rounds[*size];
  }
  return rounds;
}

/// The smallest size that is good enough, found by trying all.
int knee(int largest, const Throughput& throughput) {
  double best = 0;
  for (int size = 1; size <= largest; ++size) best = std::max(best, throughput(size, 0));
  int size = 1;
  while (throughput(size, 0) < best * TuneSearch::good_enough) ++size;
  return size;
}

TEST(TuneSearch, finds_where_more_connections_stop_helping) {
  for (const int full : {1, 2, 3, 5, 7, 12, 20, 33, 50}) {
    const Throughput rises = [full](int size, int) { return 1000.0 * std::min(size, full); };
    TuneSearch search(64, 1);
    measure(search, rises);
    EXPECT_EQ(search.advice(), knee(64, rises)) << full;
  }
}

TEST(TuneSearch, does_not_go_far_beyond_the_best) {
  TuneSearch search(1000, 3);
  const auto rounds =
      measure(search, [](int size, int) { return size <= 4 ? 1000.0 * size : 4000.0 - 10.0 * size; });
  EXPECT_LE(rounds.rbegin()->first, 128);
  EXPECT_EQ(search.advice(), 4);
}

TEST(TuneSearch, sees_what_grows_slowly) {
  const Throughput grows = [](int size, int) { return 1000.0 * (1 + 0.04 * std::log2(size)); };
  TuneSearch search(64, 1);
  measure(search, grows);
  EXPECT_EQ(search.advice(), knee(64, grows));
}

TEST(TuneSearch, takes_the_median_of_as_many_rounds_of_each_size) {
  TuneSearch search(16, 3);
  // The second round of each finds the machine busy.
  const auto rounds = measure(
      search, [](int size, int round) { return (round == 1 ? 0.3 : 1.0) * 1000.0 * std::min(size, 8); });
  for (const auto& [size, count] : rounds) EXPECT_EQ(count, 3) << size;
  EXPECT_EQ(search.advice(), 8);
  EXPECT_DOUBLE_EQ(search.results().at(8).per_second, 8000);
}

TEST(TuneSearch, measures_the_sizes_that_were_asked_for_and_no_others) {
  TuneSearch search({7, 3, 3, 5}, 2);
  const auto rounds = measure(search, [](int size, int) { return 100.0 * size; });
  EXPECT_EQ(rounds, (std::map<int, int>{{3, 2}, {5, 2}, {7, 2}}));
  EXPECT_EQ(search.advice(), 7);
}

TEST(TuneSearch, never_asks_for_more_than_the_largest) {
  for (const int largest : {1, 2, 3, 6, 10}) {
    TuneSearch search(largest, 2);
    const auto rounds = measure(search, [](int size, int) { return 10.0 * size; });
    EXPECT_EQ(rounds.rbegin()->first, largest);
    EXPECT_EQ(search.advice(), largest);
  }
}

TEST(TuneChart, names_the_sizes_and_the_advice_and_escapes_the_title) {
  const std::string chart = svg_chart(
      {{1, {.per_second = 900, .p99_ms = 3}}, {8, {.per_second = 4000, .p99_ms = 9}}}, 8, "a < b & c");
  EXPECT_TRUE(chart.starts_with("<svg "));
  EXPECT_TRUE(chart.ends_with("</svg>\n"));
  EXPECT_NE(chart.find("max_size=8"), std::string::npos);
  EXPECT_NE(chart.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_EQ(chart.find("nan"), std::string::npos);
  EXPECT_EQ(svg_chart({{4, {}}}, 4, "").find("nan"), std::string::npos);
}

TEST(TuneChart, a_bar_has_eighths_of_a_place) {
  EXPECT_EQ(bar(0, 4), "");
  EXPECT_EQ(bar(0.5, 4), "██");
  EXPECT_EQ(bar(1, 2), "██");
  EXPECT_EQ(bar(0.5, 1), "▌");
  EXPECT_EQ(bar(7, 1), "█");
}

}  // namespace
}  // namespace copg::tools
