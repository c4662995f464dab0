// The pools of processes that have monitors.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "monitor_address.hpp"
#include "monitor_picture.hpp"
#include "source.hpp"

namespace copg::tools {

class MonitorSource final : public Source {
 public:
  /// Asks the monitors that are named; without any, those whose sockets are found in `folders`, which are
  /// looked for again at each refresh.
  MonitorSource(boost::asio::any_io_executor executor, std::vector<MonitorAddress> named,
                std::vector<std::string> folders, std::chrono::milliseconds timeout);

  /// Whether there are any monitors, after the first answers: sockets on which nobody listens are none.
  [[nodiscard]] bool any() const;
  /// Looks for sockets, unless monitors are named.
  void look();

  void refresh() override;
  [[nodiscard]] bool asked() const override { return asked_; }
  [[nodiscard]] bool knows() const override;
  [[nodiscard]] bool settled() const override;
  [[nodiscard]] Picture picture() const override;
  [[nodiscard]] std::string json() const override;
  [[nodiscard]] std::vector<std::string> troubles() const override;

 private:
  struct Watched {
    MonitorAddress address{};
    WatchedProcess shown{};
    boost::json::value document{};
    bool asked = false;
    bool gone = false;  ///< Nobody listens on its socket.
    std::chrono::steady_clock::time_point answered{};
  };

  void ask(const std::shared_ptr<Watched>& watched);
  void note(Watched& watched, const std::exception_ptr& error, const std::string& answer);
  /// What a process that was killed has left in the folder: of no interest, unless it has answered before.
  [[nodiscard]] bool left_over(const Watched& watched) const;
  void forget_the_gone();

  boost::asio::any_io_executor executor_;
  bool named_;
  bool asked_ = false;
  std::vector<std::string> folders_;
  std::vector<std::string> refused_{};
  std::chrono::milliseconds timeout_;
  std::vector<std::shared_ptr<Watched>> watched_{};
};

}  // namespace copg::tools
