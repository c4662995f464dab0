// Where in the Python program a call was made. Needs the GIL.
#pragma once

#include <copg/source_location.hpp>

#include <string>

namespace copg::python {

/// Frames of this folder, the package's own, are not where a call was made.
void set_package_folder(std::string folder);
/// The innermost frame of the calling thread outside the package.
SourceLocation caller();
struct Caller {
  SourceLocation where;
  /// It enters a `with` block there, which ends before its function does, in the same thread: the function
  /// can't be left half-way, as one that yields or awaits can. False if that is not known.
  bool enters_block;
};
Caller caller_in_block();

}  // namespace copg::python
