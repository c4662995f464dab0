// A place in a program: who took a connection.
#pragma once

#include <cstdint>

#pragma GCC visibility push(default)
namespace copg {

/// What std::source_location is, which Clang 14 to 15 don't have; one type, so that a library built with one
/// compiler serves programs built with another. A plain value; the strings live as long as the program.
class SourceLocation {
 public:
  /// As a default argument: the place of the call. Give it no arguments.
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
