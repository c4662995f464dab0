// Where systems agree but for a name.
#include "os/names.hpp"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace copg::os {

void set_thread_name(const char* name) noexcept {
#if defined(__APPLE__)
  pthread_setname_np(name);
#else
  pthread_setname_np(pthread_self(), name);
#endif
}

void get_thread_name(std::span<char> name) noexcept {
  if (pthread_getname_np(pthread_self(), name.data(), name.size()) != 0) name[0] = '\0';
}

std::uint64_t thread_number() noexcept {
#if defined(__APPLE__)
  std::uint64_t number = 0;
  pthread_threadid_np(nullptr, &number);
  return number;
#else
  return static_cast<std::uint64_t>(syscall(SYS_gettid));
#endif
}

Stack thread_stack() noexcept {
#if defined(__APPLE__)
  const pthread_t self = pthread_self();
  const auto end = reinterpret_cast<std::uintptr_t>(pthread_get_stackaddr_np(self));
  return {end - pthread_get_stacksize_np(self), end};
#else
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  void* address = nullptr;
  std::size_t size = 0;
  const bool found = pthread_attr_getstack(&attributes, &address, &size) == 0;
  pthread_attr_destroy(&attributes);
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  return found ? Stack{begin, begin + size} : Stack{};
#endif
}

const char* program_name() noexcept {
#if defined(__APPLE__)
  return getprogname();
#else
  return program_invocation_short_name;
#endif
}

}  // namespace copg::os
