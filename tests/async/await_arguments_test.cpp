// What may be written among the arguments of a co_await. GCC 12 destroys a braced aggregate there twice, with
// which the library has nothing to do; its own types must not be such, and the pages say what to write
// instead.
#include <string>
#include <type_traits>

#include "async/async_test.hpp"

namespace copg::test {

struct Price {
  std::string amount;
  std::string currency;
};

}  // namespace copg::test

template <>
struct copg::Codec<copg::test::Price> {
  static constexpr Oid oid = oid::inferred;
  static void encode(const copg::test::Price& price, Buffer& out) {
    out.append(price.amount);
    out.append(" ");
    out.append(price.currency);
  }
};

namespace copg::test {
namespace {

struct AwaitArguments : AsyncTest {};

// Longer than what a string holds in place, so that destroying it twice is found.
const std::string amount(64, '1');

TEST_F(AwaitArguments, json_may_be_written_among_them) {
  AsyncPooledDatabase db = make();
  const auto body = [&]() -> awaitable<void> {
    co_await db.open();
    const std::string back =
        co_await db.fetch_val<std::string>("SELECT $1::jsonb->>0", Json{"[\"" + amount + "\"]"});
    EXPECT_EQ(back, amount);
  };
  run(body());
  static_assert(!std::is_aggregate_v<Json>);
}

TEST_F(AwaitArguments, an_aggregate_is_named_before_it_or_put_into_params_before_it) {
  AsyncPooledDatabase db = make();
  const auto body = [&]() -> awaitable<void> {
    co_await db.open();
    const Price price{amount, "EUR"};
    std::string back = co_await db.fetch_val<std::string>("SELECT $1", price);
    EXPECT_EQ(back, amount + " EUR");
    const Params values = params(Price{amount, "CHF"}, std::vector<std::string>{"a", "b"});
    back = co_await db.fetch_val<std::string>("SELECT $1 || $2::text", values);
    EXPECT_EQ(back, amount + " CHF{a,b}");
  };
  run(body());
}

}  // namespace
}  // namespace copg::test
