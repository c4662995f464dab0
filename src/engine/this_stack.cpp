#include "engine/this_stack.hpp"

#include <pthread.h>

#include <cstdint>

namespace copg::engine {
namespace {

struct Stack {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

/// Empty if the system does not tell.
[[gnu::cold, gnu::noinline]] Stack find_stack() noexcept {
  constexpr Stack empty{1, 1};
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return empty;
  void* address = nullptr;
  std::size_t size = 0;
  const bool found = pthread_attr_getstack(&attributes, &address, &size) == 0;
  pthread_attr_destroy(&attributes);
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  return found ? Stack{begin, begin + size} : empty;
}

}  // namespace

bool on_this_stack(const void* object) noexcept {
  thread_local Stack stack;
  if (stack.end == 0) stack = find_stack();
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  return address >= stack.begin && address < stack.end;
}

}  // namespace copg::engine
