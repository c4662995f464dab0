// Makes a listener for an event loop.
#pragma once

#include <copg/async_listener.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "async/loop.hpp"
#include "engine/clock.hpp"

namespace copg::async {

/// Completes once the server has acknowledged the channels.
void start_listening(std::shared_ptr<Loop> loop, const engine::TimeLimit& limit,
                     detail::Handler<AsyncListener> handler, std::vector<std::string> channels,
                     std::size_t queue);

}  // namespace copg::async
