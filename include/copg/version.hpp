// The version of the library, as it was compiled.
#pragma once

#include <string_view>

namespace [[gnu::visibility("default")]] copg {

/// major.minor.patch
[[nodiscard]] std::string_view version() noexcept;

}  // namespace copg
