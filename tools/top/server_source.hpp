// The sessions of a server, for pools without monitors.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <copg/async.hpp>
#include <optional>
#include <string>
#include <vector>

#include "server_picture.hpp"
#include "source.hpp"

namespace copg::tools {

class ServerSource final : public Source {
 public:
  /// `timeout_s`: of connecting and of each question, in seconds.
  /// `remark`: why a server is looked at, if nobody has asked for it.
  ServerSource(const boost::asio::any_io_executor& executor, const Config& config, double timeout_s,
               std::string remark);

  void refresh() override;
  [[nodiscard]] bool asked() const override { return asked_; }
  [[nodiscard]] bool knows() const override { return facts_.has_value(); }
  [[nodiscard]] bool settled() const override { return !asking_; }
  [[nodiscard]] Picture picture() const override;
  [[nodiscard]] std::string json() const override;
  [[nodiscard]] std::vector<std::string> troubles() const override;

 private:
  boost::asio::awaitable<void> ask();

  boost::asio::any_io_executor executor_;
  std::string where_;
  AsyncPooledDatabase db_;
  bool open_ = false;
  bool asked_ = false;
  bool asking_ = false;
  std::string remark_;
  std::optional<ServerFacts> facts_{};
  std::vector<ServerSession> sessions_{};
  std::string trouble_{};
};

}  // namespace copg::tools
