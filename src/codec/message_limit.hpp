// What one message to the server may hold.
#pragma once

#include <cstddef>

namespace copg::detail {

/// The server closes the connection on a message that is longer than 1 GiB less one byte
/// (PQ_LARGE_MESSAGE_LIMIT in its libpq.h), and tells only its log. What stands around a text and its
/// parameters is taken off: 6 bytes for each of them.
inline constexpr std::size_t most_message_bytes = (std::size_t{1} << 30) - (std::size_t{1} << 20);

}  // namespace copg::detail
