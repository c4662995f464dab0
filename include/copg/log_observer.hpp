// A ready-made observer: writes what an operator wants to read, a line for each event.
#pragma once

#include <copg/observer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

enum class LogLevel : std::uint8_t {
  debug,    ///< Connections that were opened, and closed in good order.
  warning,  ///< What somebody should look at.
};
[[nodiscard]] std::string_view to_string(LogLevel level) noexcept;

/// What is logged of one event. It lives for the call of the function that is given it.
struct LogLine {
  LogLevel level{};
  std::string_view event{};  ///< The name of its hook, such as "outage_began".
  std::string text{};        ///< One line, which names the pool.
  event::Event at{};
  std::chrono::nanoseconds duration{};  ///< What the text tells of: an age, a wait, an outage; 0: nothing.
};

/// Warnings: an outage that begins (once, with why) and ends (with how long and how many failed connects), a
/// connection that was lost, a lease that leaks or is held idle, what is slow, gaps of listeners, a max_size
/// that can't work. With `debug` also each connection that is opened or closed.
class LogObserver final : public Observer {
 public:
  using Write = std::function<void(const LogLine&)>;

  /// `write` is called as a hook is: several at a time, it must not throw. By default it writes lines to
  /// stderr: "copg: warning: pool 'orders': ...". What is below `least` is left out.
  explicit LogObserver(LogLevel least = LogLevel::warning, Write write = {});
  ~LogObserver() override;

  [[nodiscard]] bool wants(Hook hook) const noexcept override;
  void outage_began(const event::OutageBegan& event) noexcept override;
  void outage_ended(const event::OutageEnded& event) noexcept override;
  void opened(const event::Opened& event) noexcept override;
  void closed(const event::Closed& event) noexcept override;
  void leaked(const event::Leaked& event) noexcept override;
  void held_idle(const event::HeldIdle& event) noexcept override;
  void slow_acquire(const event::SlowAcquire& event) noexcept override;
  void slow_statement(const event::SlowStatement& event) noexcept override;
  void gap(const event::Gap& event) noexcept override;
  void warned(const event::Warned& event) noexcept override;

 private:
  /// `text()` makes what follows the pool's name.
  template <class Text>
  void log(LogLevel level, std::string_view name, const event::Event& at, std::chrono::nanoseconds duration,
           Text text) noexcept;

  const LogLevel least_;
  const Write write_;
};

}  // namespace copg
#pragma GCC visibility pop
