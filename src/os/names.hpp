// What every system has under a name of its own: threads, their stacks, the program.
#pragma once

#include <cstdint>
#include <span>

namespace copg::os {

/// Of the calling thread, as debuggers show it. At most 15 bytes.
void set_thread_name(const char* name) noexcept;
/// Of the calling thread, with a 0 behind it; empty if it has none.
void get_thread_name(std::span<char> name) noexcept;
/// By which the kernel knows the calling thread.
[[nodiscard]] std::uint64_t thread_number() noexcept;

struct Stack {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};
/// Of the calling thread; empty if the system does not tell.
[[nodiscard]] Stack thread_stack() noexcept;

/// The file name of the program, without folders.
[[nodiscard]] const char* program_name() noexcept;

/// Which of the two implementations this is: "linux" or "poll".
[[nodiscard]] const char* implementation() noexcept;

}  // namespace copg::os
