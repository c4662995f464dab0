#include "share/arrivals.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

namespace copg::bench {
namespace {

constexpr std::int64_t second = 1'000'000'000;

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * second + time.tv_nsec;
}

void sleep_until(std::int64_t when) {
  const timespec time{.tv_sec = when / second, .tv_nsec = when % second};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

void write_out(std::vector<Arrival>& arrivals) {
  const char* data = reinterpret_cast<const char*>(arrivals.data());
  for (std::size_t left = arrivals.size() * sizeof(Arrival); left > 0;) {
    const ssize_t written = write(STDOUT_FILENO, data, left);
    if (written <= 0) std::exit(1);
    data += written;
    left -= static_cast<std::size_t>(written);
  }
  arrivals.clear();
}

}  // namespace

void write_arrivals(const Schedule& schedule) {
  constexpr unsigned long slack_ns = 10'000;  // wakes less often than for each at high rates, and not late
  constexpr std::int64_t ahead = second / 50;
  prctl(PR_SET_TIMERSLACK, slack_ns);
  std::mt19937_64 random(schedule.seed);
  std::exponential_distribution<double> gap(schedule.rate / static_cast<double>(second));
  std::uniform_int_distribution<std::int32_t> row(1, rows);
  std::bernoulli_distribution slow(schedule.slow_part);
  const std::int64_t begin = now() + ahead;
  std::vector<Arrival> arrivals;
  for (double passed = gap(random); passed < schedule.seconds * static_cast<double>(second);
       passed += gap(random)) {
    const std::int64_t due = begin + static_cast<std::int64_t>(passed);
    if (due > now()) {
      write_out(arrivals);
      sleep_until(due);
    }
    arrivals.push_back({due, row(random), slow(random) ? 1 : 0});
  }
  write_out(arrivals);
}

Arrivals::Arrivals(const Schedule& schedule) {
  std::string command = "exec '";
  command += program_invocation_name;
  command += "' arrivals";
  for (const double one : {schedule.rate, schedule.slow_part, schedule.seconds})
    command += ' ' + std::to_string(one);
  command += ' ' + std::to_string(schedule.seed);
  pipe_ = popen(command.c_str(), "re");
  if (pipe_ == nullptr) {
    std::perror("copg-bench-share: could not start the arrivals");
    std::exit(1);
  }
}
Arrivals::~Arrivals() { pclose(pipe_); }
int Arrivals::descriptor() const { return fileno(pipe_); }

}  // namespace copg::bench
