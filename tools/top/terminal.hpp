// The terminal of copg top: its whole screen, its keys, its size; as it was again afterwards. One at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "view.hpp"

namespace copg::tools {

class Terminal {
 public:
  Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  /// Gives the terminal back as it was.
  virtual ~Terminal() = default;

  [[nodiscard]] virtual Charset charset() const = 0;
  /// Of the terminal as it is now.
  [[nodiscard]] virtual ScreenSize size() = 0;
  virtual void draw(const std::vector<Line>& lines) = 0;
  /// A key that was pressed; nothing: none. Does not wait.
  [[nodiscard]] virtual std::optional<Key> key() = 0;
  /// Draws everything anew: the size has changed, or somebody else has written to the terminal.
  virtual void start_afresh() = 0;
};

/// Takes the terminal. Throws std::invalid_argument, which names --once, if standard input or output is none,
/// if it can't do what is needed, or if this program was built without a library for terminals.
std::unique_ptr<Terminal> open_terminal();

}  // namespace copg::tools
