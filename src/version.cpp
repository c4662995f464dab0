// The version, as CMake gives it.
#include <copg/version.hpp>

namespace copg {

std::string_view version() noexcept { return COPG_VERSION; }

}  // namespace copg
