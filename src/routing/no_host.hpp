// Why a request got no host, in words: what each host was last seen to be.
#pragma once

#include <copg/error.hpp>

#include <string>
#include <vector>

#include "routing/router.hpp"

namespace copg::routing {

/// `names_error`: why the names of the hosts have no address; empty: they have.
[[nodiscard]] ErrorInfo no_host(const RoutingSetup& setup, const std::vector<HostView>& hosts,
                                cluster::WaitError error, cluster::Role role, Duration waited,
                                const std::string& names_error);

}  // namespace copg::routing
