// What a router knows of a host, as a program sees it.
#pragma once

#include <copg/host_info.hpp>

#include "routing/router.hpp"

namespace copg::sync {

[[nodiscard]] HostInfo info_of(const routing::HostView& host);

}  // namespace copg::sync
