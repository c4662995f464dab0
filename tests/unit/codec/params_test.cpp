// Params: the arrays that libpq takes.
#include <copg/params.hpp>

#include <cstring>
#include <memory>

#include "sim/allocations.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

std::string value(const Params& params, int i) {
  const char* const text = params.values()[i];
  return text == nullptr ? "NULL" : std::string(text, static_cast<std::size_t>(params.lengths()[i]));
}

TEST(Params, hold_values_types_and_formats_in_order) {
  const std::vector<std::byte> bytes = {std::byte{0}, std::byte{1}};
  const Params params = copg::params(1, "two", std::nullopt, bytes, std::optional<double>(), true);
  ASSERT_EQ(params.size(), 6);
  EXPECT_EQ(value(params, 0), "1");
  EXPECT_EQ(value(params, 1), "two");
  EXPECT_EQ(value(params, 2), "NULL");
  EXPECT_EQ(value(params, 3), std::string("\0\1", 2));
  EXPECT_EQ(value(params, 4), "NULL");
  EXPECT_EQ(value(params, 5), "t");
  const std::vector<Oid> types(params.types(), params.types() + 6);
  EXPECT_EQ(types, (std::vector<Oid>{oid::int4, 0, 0, oid::bytea, oid::float8, oid::boolean}));
  EXPECT_EQ(std::vector<int>(params.formats(), params.formats() + 6), (std::vector<int>{0, 0, 0, 1, 0, 0}));
}

TEST(Params, text_ends_with_a_nul) {
  const Params params = copg::params(std::string(1000, 'x'), 12);
  EXPECT_EQ(std::strlen(params.values()[0]), 1000U);
  EXPECT_EQ(std::strlen(params.values()[1]), 2U);
}

TEST(Params, a_handful_of_short_ones_allocate_nothing) {
  const std::string_view name = "a name of some length";
  const std::uint64_t before = sim::allocations();
  const Params params = copg::params(1, name, 2.5, true, std::nullopt, std::chrono::system_clock::now());
  static_cast<void>(params.values());
  EXPECT_EQ(sim::allocations(), before);
}

TEST(Params, values_survive_growth_copy_and_move) {
  Params params;
  for (int i = 0; i < 1000; ++i) params.add(i);
  const Params copy = params;
  const auto moved = std::make_unique<Params>(std::move(params));
  for (const Params* each : {&copy, static_cast<const Params*>(moved.get())}) {
    ASSERT_EQ(each->size(), 1000);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(value(*each, i), std::to_string(i));
  }
}

TEST(Params, a_few_short_ones_move_with_the_object_they_are_kept_in) {
  Params params = copg::params("short");
  const Params copy = params;
  params.clear();
  params.add("other");
  EXPECT_EQ(value(copy, 0), "short");
}

TEST(Params, a_value_that_can_not_be_sent_leaves_the_others_alone) {
  Params params = copg::params(1);
  EXPECT_THROW(params.add(std::string("a\0b", 3)), DataError);
  EXPECT_THROW(params.add(std::vector<std::string>{"a", std::string("b\0", 2)}), DataError);
  EXPECT_EQ(params.size(), 1);
  params.add("c");
  EXPECT_EQ(value(params, 0), "1");
  EXPECT_EQ(value(params, 1), "c");
}

TEST(Params, can_be_used_again) {
  Params params = copg::params(1, 2, 3);
  params.clear();
  EXPECT_TRUE(params.empty());
  params.add("x");
  ASSERT_EQ(params.size(), 1);
  EXPECT_EQ(value(params, 0), "x");
}

TEST(Params, are_as_many_as_the_protocol_counts) {
  Params params;
  for (int i = 0; i < Params::max_size; ++i) params.add(true);
  EXPECT_THROW(params.add(true), UsageError);
  EXPECT_EQ(params.size(), 65535);
}

TEST(Params, of_a_gibibyte_are_refused_since_the_server_would_close_the_connection) {
  const std::vector<std::byte> half(std::size_t{1} << 29);
  Params params = copg::params(half);
  EXPECT_THROW(params.add(half), DataError);
  EXPECT_EQ(params.size(), 1);
  params.add("short");
  EXPECT_EQ(value(params, 1), "short");
}

TEST(Params, none_is_a_list_too) {
  const Params params = copg::params();
  EXPECT_EQ(params.size(), 0);
  EXPECT_TRUE(params.empty());
}

}  // namespace
}  // namespace copg
