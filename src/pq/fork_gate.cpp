// Two counters, and a flag while a fork is being made.
//
// Nobody sleeps on a lock here: the child would have to know who holds it. Forks are rare and what is inside
// the gate is short, so both sides look again every 50 µs.
#include "pq/fork_gate.hpp"

#include <pthread.h>
#include <time.h>

#include <array>
#include <atomic>

namespace copg::pq {
namespace {

using What = InsideForkGate::What;
using GateClock = std::chrono::steady_clock;

constexpr std::size_t gate_kinds = 2;

std::array<std::atomic<int>, gate_kinds> insiders{};
std::atomic<bool> forking = false;
thread_local std::array<int, gate_kinds> insiders_here{};  // of them, this thread's

constexpr std::size_t index_of(What what) { return static_cast<std::size_t>(what); }

void pause_for_fork() noexcept {
  const timespec pause{.tv_sec = 0, .tv_nsec = 50'000};
  (void)nanosleep(&pause, nullptr);
}

bool inside_already() noexcept { return insiders_here[0] + insiders_here[1] > 0; }

/// False: somebody else is still inside.
bool nobody_else(What what) noexcept {
  const std::size_t i = index_of(what);
  return insiders[i].load() <= insiders_here[i];
}

void close_gate() {
  forking = true;
  const auto began = GateClock::now();
  while (!nobody_else(What::connect) && GateClock::now() - began < InsideForkGate::patience_for_connects)
    pause_for_fork();
  while (!nobody_else(What::look_up) && GateClock::now() - began < InsideForkGate::patience_for_lookups)
    pause_for_fork();
}

void open_gate() { forking = false; }

void open_gate_in_child() {
  // The other threads are not there to leave.
  for (std::size_t i = 0; i < gate_kinds; ++i) insiders[i] = insiders_here[i];
  forking = false;
}

[[maybe_unused]] const int gate_registered = pthread_atfork(close_gate, open_gate, open_gate_in_child);

}  // namespace

InsideForkGate::InsideForkGate(What what) noexcept : what_(what) {
  std::atomic<int>& count = insiders[index_of(what)];
  const auto began = GateClock::now();
  for (;;) {
    count.fetch_add(1);
    // The thread that forks sees the count, or this one sees its flag.
    if (inside_already() || !forking.load() || GateClock::now() - began > patience_for_connects) break;
    count.fetch_sub(1);
    pause_for_fork();
  }
  ++insiders_here[index_of(what)];
}

InsideForkGate::~InsideForkGate() {
  --insiders_here[index_of(what_)];
  insiders[index_of(what_)].fetch_sub(1);
}

}  // namespace copg::pq
