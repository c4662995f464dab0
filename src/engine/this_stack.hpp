// Where an object is.
#pragma once

namespace copg::engine {

/// Whether the object is on the stack of the calling thread: it then ends with a scope of a function that
/// this thread is in.
[[nodiscard]] bool on_this_stack(const void* object) noexcept;

}  // namespace copg::engine
