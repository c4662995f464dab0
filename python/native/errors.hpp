// copg's exceptions as pycopg's.
#pragma once

namespace copg::python {

/// For every function of the module.
void translate_exceptions();

}  // namespace copg::python
