#include "threads/turn.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace copg::bench {
namespace {

long context_switches() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used.ru_nvcsw + used.ru_nivcsw;
}

/// The CPUs that this process may use take turns. Left alone, the kernel keeps threads that hardly sleep
/// where it woke them, mostly on one CPU, where they never meet.
void stay_on_cpu(int turn) {
  cpu_set_t allowed, one;
  sched_getaffinity(getpid(), sizeof(allowed), &allowed);
  std::size_t cpu = 0;
  for (int left = turn % CPU_COUNT(&allowed); !CPU_ISSET(cpu, &allowed) || left-- > 0;) ++cpu;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

double now() { return Times::now().wall; }

/// Opens when all have come, after the last of them has called `all_there`. Not std::latch, which yields the
/// processor before it sleeps: the system calls of a turn are counted.
class Gate {
 public:
  explicit Gate(int expected, std::function<void()> all_there)
      : all_there_(std::move(all_there)), missing_(expected) {}
  void arrive_and_wait() {
    std::unique_lock lock(mutex_);
    if (--missing_ == 0) {
      all_there_();
      opened_.notify_all();
    }
    opened_.wait(lock, [&] { return missing_ == 0; });
  }

 private:
  const std::function<void()> all_there_;
  std::mutex mutex_;
  std::condition_variable opened_;
  int missing_;
};

struct Thread {
  long count = 0;
  double longest = 0;
  Histogram latencies{};
  std::exception_ptr error;
};

using Loop = std::function<void(Thread&, int number, const double& end)>;

Turn run(int threads, double seconds, const Loop& loop) {
  std::vector<Thread> states(static_cast<std::size_t>(threads));
  Turn turn;
  Times begin;
  double end = 0;
  Gate begin_gate(threads, [&] {
    turn.context_switches -= context_switches();
    begin = Times::now();
    end = begin.wall + seconds * 1e9;
  });
  Gate end_gate(threads, [&] {
    turn.cost = Times::now() - begin;
    turn.context_switches += context_switches();
  });
  {
    std::vector<std::jthread> running;
    for (int number = 0; number < threads; ++number) {
      running.emplace_back([&, number] {
        Thread& mine = states[static_cast<std::size_t>(number)];
        begin_gate.arrive_and_wait();
        try {
          loop(mine, number, end);
        } catch (...) {
          mine.error = std::current_exception();
        }
        end_gate.arrive_and_wait();
      });
    }
  }
  for (const Thread& one : states) {
    if (one.error) std::rethrow_exception(one.error);
    turn.count += one.count;
    turn.longest = std::max(turn.longest, one.longest);
    turn.latencies += one.latencies;
  }
  return turn;
}

Turn ask(int threads, double seconds, const std::function<void(int)>& query) {
  return run(threads, seconds, [&](Thread& mine, int number, const double& end) {
    double asked = now();
    do {
      query(1 + static_cast<int>((mine.count * 7919 + number * 104729L) % rows));
      const double answered = now();
      const double took = answered - asked;
      mine.latencies.add(took / 1e3);
      mine.longest = std::max(mine.longest, took);
      ++mine.count;
      asked = answered;
    } while (asked < end);
  });
}

Turn lease(Contestant& contestant, int threads, double seconds) {
  return run(threads, seconds, [&](Thread& mine, int number, const double& end) {
    stay_on_cpu(number);
    do {
      contestant.lease(leases_in_a_row);
      mine.count += leases_in_a_row;
    } while (now() < end);
  });
}

/// What counts is the time from when the connections come free to when every thread has had its leases.
Turn bursts(Contestant& contestant, int threads, double seconds) {
  constexpr auto until_all_wait = std::chrono::milliseconds(1);
  std::barrier<> barrier(threads + 1);
  bool over = false;
  std::vector<std::jthread> running;
  for (int number = 0; number < threads; ++number) {
    running.emplace_back([&, number] {
      stay_on_cpu(number);
      while (true) {
        barrier.arrive_and_wait();
        if (over) return;
        contestant.lease(leases_in_a_row);
        barrier.arrive_and_wait();
      }
    });
  }
  Turn turn;
  const double end = now() + seconds * 1e9;
  do {
    Times begin;
    contestant.hold_all([&] {
      barrier.arrive_and_wait();
      std::this_thread::sleep_for(until_all_wait);
      turn.context_switches -= context_switches();
      begin = Times::now();
    });
    barrier.arrive_and_wait();
    turn.cost = turn.cost + (Times::now() - begin);
    turn.context_switches += context_switches();
    turn.count += long{threads} * leases_in_a_row;
  } while (now() < end);
  over = true;
  barrier.arrive_and_wait();
  return turn;
}

}  // namespace

Turn take_turn(Contestant& contestant, std::string_view work, int threads, double seconds) {
  if (work == "select") return ask(threads, seconds, [&](int row) { contestant.select(row); });
  if (work == "lease-select") return ask(threads, seconds, [&](int row) { contestant.lease_select(row); });
  if (work == "transaction") return ask(threads, seconds, [&](int row) { contestant.transaction(row); });
  if (work == "lease") return lease(contestant, threads, seconds);
  if (work == "bursts") return bursts(contestant, threads, seconds);
  throw std::invalid_argument(std::string(work));
}

}  // namespace copg::bench
