// Who has a lease, and where in the program it was taken: what a PoolTimeout tells.
#pragma once

#include <copg/source_location.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>

namespace copg::engine {

/// The calling thread. Known once, since to ask for it is a call of the C library.
inline std::thread::id this_thread() noexcept {
  thread_local const std::thread::id id = std::this_thread::get_id();
  return id;
}

/// The name of a task of an event loop. A copy, since the task may be gone while its lease is not; the end of
/// a long one is cut off, so that no lease allocates.
class TaskName {
 public:
  TaskName() = default;
  explicit TaskName(std::string_view name) noexcept {
    std::size_t size = std::min(name.size(), text_.size() - 1);
    constexpr auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; };
    while (size > 0 && size < name.size() && continues(name[size])) --size;  // never half a character
    std::copy_n(name.begin(), size, text_.begin());
  }
  /// Empty: of no task.
  [[nodiscard]] std::string_view view() const noexcept { return text_.data(); }

 private:
  std::array<char, 32> text_{};
};

struct Holder {
  SourceLocation where;
  std::thread::id thread;
  TaskName task;  // says more than the thread, if there is one
};

}  // namespace copg::engine
