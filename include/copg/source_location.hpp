// A place in a program, such as the one where a connection was taken.
#pragma once

#include <cstdint>

#pragma GCC visibility push(default)
namespace copg {

/// Like std::source_location, which Clang 14 and 15 don't have. It is one type for all compilers, so that a
/// library built with one serves programs built with another. The strings live as long as the program.
class SourceLocation {
 public:
  /// The place of the call, when used as a default argument. Pass it no arguments.
  static constexpr SourceLocation current(const char* file = __builtin_FILE(),
                                          const char* function = __builtin_FUNCTION(),
                                          std::uint32_t line = __builtin_LINE()) noexcept {
    SourceLocation here;
    here.file_ = file;
    here.function_ = function;
    here.line_ = line;
    return here;
  }

  /// Never nullptr; empty when unknown.
  [[nodiscard]] constexpr const char* file_name() const noexcept { return file_; }
  /// Never nullptr; empty when unknown.
  [[nodiscard]] constexpr const char* function_name() const noexcept { return function_; }
  /// From 1; 0 when unknown.
  [[nodiscard]] constexpr std::uint32_t line() const noexcept { return line_; }

 private:
  const char* file_ = "";
  const char* function_ = "";
  std::uint32_t line_ = 0;
};

}  // namespace copg
#pragma GCC visibility pop
