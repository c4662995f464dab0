// Where copg top has its picture from.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "picture.hpp"

namespace copg::tools {

/// Everything happens on the thread that runs the io_context; nothing blocks it.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  /// Asks again all those that have answered the last question. Calls `changed` whenever the picture has
  /// become another.
  virtual void refresh() = 0;
  /// There has been a refresh.
  [[nodiscard]] virtual bool asked() const = 0;
  /// Something is known: somebody has answered.
  [[nodiscard]] virtual bool knows() const = 0;
  /// Nobody is being asked.
  [[nodiscard]] virtual bool settled() const = 0;
  [[nodiscard]] virtual Picture picture() const = 0;
  /// What was told, for scripts: one JSON value.
  [[nodiscard]] virtual std::string json() const = 0;
  /// What has gone wrong with the last questions, one line each.
  [[nodiscard]] virtual std::vector<std::string> troubles() const = 0;

  std::function<void()> changed = [] {};
};

}  // namespace copg::tools
