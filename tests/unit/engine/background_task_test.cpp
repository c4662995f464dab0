// An operation on its way in the background, over a port that a test moves by hand.
#include "engine/background_task.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace copg::engine {
namespace {

using End = BackgroundTask::End;

class HandPort final : public BackgroundPort {
 public:
  class HandWait final : public Wait {
   public:
    bool wait(int fd, pq::Ready what) override {
      waits_for = {fd, what};
      return has_descriptors;
    }
    void stop() noexcept override { stopped = true; }

    std::optional<std::pair<int, pq::Ready>> waits_for;
    bool has_descriptors = true;
    bool stopped = false;
  };

  void post(Task /*task*/) override {}
  void call_at(TimePoint /*time*/, Task /*task*/) override {}
  std::shared_ptr<Wait> wait_until(TimePoint until, Listener& who) override {
    deadline = until;
    listener = &who;
    return wait;
  }
  bool inside() const noexcept override { return true; }
  bool stop(TimePoint /*deadline*/, Task /*then*/) override { return true; }

  const std::shared_ptr<HandWait> wait = std::make_shared<HandWait>();
  Listener* listener = nullptr;
  TimePoint deadline{};
};

/// Takes the steps that it is given, then is done.
class Steps final : public pq::Operation {
 public:
  explicit Steps(std::vector<pq::Step> steps) : steps_(std::move(steps)) {}
  pq::Step advance(pq::Ready ready) override {
    seen.push_back(ready);
    return seen.size() > steps_.size() ? pq::Step::finished() : steps_[seen.size() - 1];
  }
  [[nodiscard]] const char* phase() const noexcept override { return "steps"; }

  std::vector<pq::Ready> seen;

 private:
  const std::vector<pq::Step> steps_;
};

class BackgroundTasks : public ::testing::Test {
 protected:
  Steps& start(std::vector<pq::Step> steps, Duration timeout = std::chrono::seconds(1)) {
    auto made = std::make_unique<Steps>(std::move(steps));
    Steps& operation = *made;
    task_ = std::make_unique<BackgroundTask>(std::move(made), [this](End end) { end_ = end; });
    task_->start(port_, timeout);
    return operation;
  }

  HandPort port_;
  std::unique_ptr<BackgroundTask> task_;
  std::optional<End> end_;
};

TEST_F(BackgroundTasks, advance_their_operation_whenever_its_descriptor_is_ready) {
  Steps& operation = start({pq::Step::wait(7, pq::Ready::write), pq::Step::wait(8, pq::Ready::read)});
  EXPECT_EQ(port_.wait->waits_for, std::pair(7, pq::Ready::write));
  port_.listener->on_ready(pq::Ready::write);
  EXPECT_EQ(port_.wait->waits_for, std::pair(8, pq::Ready::read));
  EXPECT_EQ(end_, std::nullopt);
  port_.listener->on_ready(pq::Ready::read);
  EXPECT_EQ(end_, End::done);
  EXPECT_TRUE(port_.wait->stopped);
  EXPECT_EQ(operation.seen, (std::vector{pq::Ready::none, pq::Ready::write, pq::Ready::read}));
  EXPECT_FALSE(task_->take_error(End::done, "too slow"));
}

TEST_F(BackgroundTasks, end_by_their_deadline) {
  start({pq::Step::wait(7, pq::Ready::read)}, std::chrono::seconds(2));
  EXPECT_EQ(port_.deadline, task_->started_at() + std::chrono::seconds(2));
  port_.listener->on_deadline();
  EXPECT_EQ(end_, End::timed_out);
  EXPECT_TRUE(port_.wait->stopped);
  EXPECT_EQ(task_->take_error(End::timed_out, "too slow")->message, "too slow");
}

TEST_F(BackgroundTasks, without_a_bound_have_no_deadline) {
  start({pq::Step::wait(7, pq::Ready::read)}, pool::forever);
  EXPECT_EQ(port_.deadline, pool::never);
}

TEST_F(BackgroundTasks, fail_where_a_descriptor_cannot_be_waited_for) {
  port_.wait->has_descriptors = false;
  start({pq::Step::wait(7, pq::Ready::read)});
  EXPECT_EQ(end_, End::failed);
}

TEST_F(BackgroundTasks, may_be_destroyed_by_what_is_told_of_their_end) {
  task_ = std::make_unique<BackgroundTask>(std::make_unique<Steps>(std::vector<pq::Step>()),
                                           [this](End) { task_.reset(); });
  task_->start(port_, std::chrono::seconds(1));
  EXPECT_EQ(task_, nullptr);
}

}  // namespace
}  // namespace copg::engine
