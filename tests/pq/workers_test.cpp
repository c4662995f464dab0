// The threads for what blocks: a job gets one, and they go with the last who holds them.
#include "pq/workers.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "support/eventually.hpp"
#include "support/process_census.hpp"
#include "support/sanitizers.hpp"

namespace copg::pq {
namespace {

using test::eventually;

std::ptrdiff_t threads() { return test::Census().threads; }

TEST(Workers, a_job_that_hangs_does_not_hold_up_the_next) {
  const std::ptrdiff_t before = threads();
  const Workers::Hold hold;
  std::atomic<bool> over = false;
  std::atomic<int> done = 0;
  for (int i = 0; i < 8; ++i) {
    Workers::submit([&] {
      EXPECT_TRUE(eventually([&] { return over.load(); }));
      ++done;
    });
  }
  std::atomic<bool> next = false;
  Workers::submit([&] { next = true; });
  EXPECT_TRUE(eventually([&] { return next.load(); }));
  EXPECT_EQ(done, 0);
  over = true;
  EXPECT_TRUE(eventually([&] { return done == 8 && threads() == before + 1; }));
}

TEST(Workers, one_thread_is_kept_for_as_long_as_it_is_held_and_the_others_go) {
  const std::ptrdiff_t before = threads();
  {
    const Workers::Hold hold;
    {
      const Workers::Hold another;
      EXPECT_EQ(threads(), before + 1);
    }
    std::atomic<bool> over = false;
    std::atomic<int> begun = 0;
    for (int i = 0; i < 8; ++i) {
      Workers::submit([&] {
        ++begun;
        EXPECT_TRUE(eventually([&] { return over.load(); }));
      });
    }
    EXPECT_TRUE(eventually([&] { return begun == 8; }));
    EXPECT_EQ(threads(), before + 8);
    over = true;
    EXPECT_TRUE(eventually([&] { return threads() == before + 1; }));
  }
  EXPECT_EQ(threads(), before);
}

TEST(Workers, are_ended_without_waiting_for_a_job_that_hangs) {
  const std::ptrdiff_t before = threads();
  const auto over = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> begun = false;
  {
    const Workers::Hold hold;
    Workers::submit([&begun, over] {
      begun = true;
      EXPECT_TRUE(eventually([&] { return over->load(); }));
    });
    EXPECT_TRUE(eventually([&] { return begun.load(); }));
  }
  *over = true;
  EXPECT_TRUE(eventually([&] { return threads() == before; }));
}

TEST(Workers, a_forked_child_has_its_own) {
  if (test::under_thread_sanitizer)
    GTEST_SKIP() << "the thread sanitizer does not run threads in a forked child";
  const Workers::Hold of_the_parent;
  const pid_t child = ::fork();
  if (child == 0) {
    const Workers::Hold own;
    std::atomic<bool> done = false;
    Workers::submit([&] { done = true; });
    ::_exit(eventually([&] { return done.load(); }) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace copg::pq
