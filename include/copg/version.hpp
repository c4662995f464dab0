// The version of the library, as it was compiled.
#pragma once

#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// major.minor.patch
[[nodiscard]] std::string_view version() noexcept;

}  // namespace copg
#pragma GCC visibility pop
