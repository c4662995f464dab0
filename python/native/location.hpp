// Where in the Python program a call was made. Needs the GIL.
#pragma once

#include <copg/source_location.hpp>

#include <string>

namespace copg::python {

/// Frames of this folder, the package's own, are not where a call was made.
void set_package_folder(std::string folder);
/// The innermost frame of the calling thread outside the package.
SourceLocation caller();

}  // namespace copg::python
