// Calls of the user's functions: how many may be under way.
#include "engine/user_call.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "support/eventually.hpp"

namespace copg::engine {
namespace {

class UserCalls : public ::testing::Test {
 protected:
  class Call final : public UserCall {
   public:
    Call(std::function<void()> body, std::shared_ptr<UnreturnedCalls> unreturned)
        : UserCall("configure", std::move(body), std::move(unreturned)) {}
  };

  UserCalls() { unreturned_->limit = 2; }
  ~UserCalls() override {
    let_return();
    EXPECT_TRUE(test::eventually([this] { return unreturned_->count == 0; }));
  }

  [[nodiscard]] std::unique_ptr<Call> call() {
    return std::make_unique<Call>(
        [returns = returns_, begun = begun_] {
          ++*begun;
          returns.wait();
        },
        unreturned_);
  }
  /// Of a call that is made now; empty if it is under way.
  [[nodiscard]] std::string refusal() {
    const auto made = call();
    return made->advance(pq::Ready::none).done ? made->error()->message : "";
  }
  void let_return() {
    if (!std::exchange(returned_, true)) promise_.set_value();
  }

  const std::shared_ptr<UnreturnedCalls> unreturned_ = std::make_shared<UnreturnedCalls>();
  const std::shared_ptr<std::atomic<int>> begun_ = std::make_shared<std::atomic<int>>();

 private:
  std::promise<void> promise_;
  std::shared_future<void> returns_ = promise_.get_future().share();
  bool returned_ = false;
};

const std::string refused = "configure failed: 2 earlier calls have not returned yet";

TEST_F(UserCalls, count_from_their_start_waited_for_or_given_up) {
  const auto waited_for = call();
  EXPECT_FALSE(waited_for->advance(pq::Ready::none).done);
  auto given_up = call();
  EXPECT_FALSE(given_up->advance(pq::Ready::none).done);
  EXPECT_EQ(refusal(), refused);
  // One that is given up before it has begun never does.
  ASSERT_TRUE(test::eventually([this] { return *begun_ == 2; }));
  given_up.reset();
  EXPECT_EQ(refusal(), refused);
  EXPECT_EQ(unreturned_->count, 2) << "a call that is refused is none";
}

TEST_F(UserCalls, that_have_returned_make_room_before_anybody_is_told) {
  const auto first = call();
  const auto second = call();
  EXPECT_FALSE(first->advance(pq::Ready::none).done);
  EXPECT_FALSE(second->advance(pq::Ready::none).done);
  let_return();
  EXPECT_TRUE(test::eventually([&] { return first->advance(pq::Ready::none).done; }));
  EXPECT_EQ(first->error(), nullptr);
  EXPECT_EQ(refusal(), "");
}

}  // namespace
}  // namespace copg::engine
