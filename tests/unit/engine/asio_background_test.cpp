// The background of a pool with Asio, on a thread of its own.
#include "engine/asio_background.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include <future>
#include <memory>

namespace copg::engine {
namespace {

/// What `ask` gives on the background.
template <class Ask>
auto on(AsioBackground& background, Ask ask) {
  const auto answer = std::make_shared<std::promise<decltype(ask())>>();
  auto future = answer->get_future();
  background.post([ask, answer] { answer->set_value(ask()); });
  return future.get();
}

TEST(AsioBackgrounds, know_whether_a_thread_is_inside) {
  AsioBackground background({});
  EXPECT_FALSE(background.inside());
  EXPECT_TRUE(on(background, [&] { return background.inside(); }));
}

TEST(AsioBackgrounds, have_one_alarm_that_a_later_one_replaces) {
  AsioBackground background({});
  std::promise<int> rung;
  on(background, [&] {
    background.call_at(after(now(), std::chrono::hours(1)), [&] { rung.set_value(1); });
    background.call_at(now(), [&] { rung.set_value(2); });
    return true;
  });
  EXPECT_EQ(rung.get_future().get(), 2);
}

TEST(AsioBackgrounds, call_nothing_once_they_have_stopped) {
  AsioBackground background({});
  EXPECT_TRUE(background.stop(pool::never, {}));
  background.post([] { ADD_FAILURE() << "called"; });
  EXPECT_TRUE(background.stop(pool::never, {}));
}

TEST(AsioBackgrounds, call_one_more_thing_after_what_they_were_stopped_in) {
  AsioBackground background({});
  std::promise<void> begun;
  std::promise<void> goes_on;
  std::promise<void> last;
  background.post([&] {
    begun.set_value();
    goes_on.get_future().wait();
  });
  begun.get_future().wait();
  EXPECT_FALSE(background.stop(now(), [&] { last.set_value(); }));
  background.post([] { ADD_FAILURE() << "called"; });
  auto called = last.get_future();
  EXPECT_EQ(called.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  goes_on.set_value();
  EXPECT_EQ(called.wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(AsioBackgrounds, are_guests_of_the_context_that_they_were_given) {
  boost::asio::io_context io;
  boost::asio::io_context other;
  AsioBackground given(io.get_executor());
  EXPECT_TRUE(given.is_guest_of(io));
  EXPECT_FALSE(given.is_guest_of(other));
  const AsioBackground own({});
  EXPECT_FALSE(own.is_guest_of(boost::asio::query(own.executor(), boost::asio::execution::context)));
}

}  // namespace
}  // namespace copg::engine
