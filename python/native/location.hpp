// Where in the Python program a call was made. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/source_location.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace copg::python {

/// Frames of this folder, the package's own, are not where a call was made.
void set_package_folder(std::string folder);

/// Modules of a program that wrap the pool: where they call it says nothing.
class OriginSkip {
 public:
  /// A sequence of names. TypeError for anything else.
  explicit OriginSkip(nanobind::handle names);
  [[nodiscard]] bool empty() const noexcept { return modules_.empty(); }
  /// Whether it is one of them, or inside one of them.
  [[nodiscard]] bool leaves_out(std::string_view module) const noexcept;

 private:
  std::vector<std::string> modules_;
};

/// The innermost frame of the calling thread outside the package, and outside the modules that are skipped.
/// If no other is left before the start of the thread or task, the innermost outside the package.
SourceLocation caller(const OriginSkip& skip);
struct Caller {
  SourceLocation where;
  /// It enters a `with` block there, which ends before its function does, in the same thread: the function
  /// can't be left half-way, as one that yields or awaits can. False if that is not known.
  bool enters_block;
};
Caller caller_in_block(const OriginSkip& skip);

}  // namespace copg::python
