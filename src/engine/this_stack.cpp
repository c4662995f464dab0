#include "engine/this_stack.hpp"

#include <cstdint>

#include "os/names.hpp"

namespace copg::engine {
namespace {

/// Begins and ends at 1 if the system does not tell, so that it is asked once.
[[gnu::cold, gnu::noinline]] os::Stack find_stack() noexcept {
  const os::Stack found = os::thread_stack();
  return found.end != 0 ? found : os::Stack{1, 1};
}

}  // namespace

bool on_this_stack(const void* object) noexcept {
  thread_local os::Stack stack;
  if (stack.end == 0) stack = find_stack();
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  return address >= stack.begin && address < stack.end;
}

}  // namespace copg::engine
