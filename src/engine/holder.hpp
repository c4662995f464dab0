// Who has a lease, and where in the program it was taken, as a PoolTimeout reports it.
#pragma once

#include <copg/source_location.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/cut_text.hpp"
#include "pool/types.hpp"

namespace copg::engine {

/// The name of a thread, of a task of an event loop, or of a lease. It is a copy, since its lease may outlive
/// either, and long names are cut off, so that no lease allocates.
using HolderName = CutText<30>;

/// Whose number a thread has.
enum class NumberOf : std::uint8_t {
  unknown,  ///< There is no number yet.
  kernel,   ///< The kernel's, as top and gdb show it.
  python,   ///< threading.get_ident().
  task,     ///< There is no number: the name is that of a task.
};

/// The thread or task that asks for a connection.
struct Requester {
  HolderName name;
  NumberOf kind = NumberOf::unknown;
  std::uint64_t number = 0;                  // the thread's
  pool::HolderId id = pool::unknown_holder;  // of no other thread or task, ever

  /// "thread 'worker' (tid 4711)" or "task 'import'".
  [[nodiscard]] std::string text() const;
};
/// For a thread or a task.
[[nodiscard]] pool::HolderId new_holder_id() noexcept;

/// The calling thread, with its name at the first call. Its kind is not `unknown`.
[[nodiscard]] const Requester& this_thread() noexcept;
/// False: `this_thread` would ask the system; a language runtime may give a better name and number first.
[[nodiscard]] bool this_thread_is_known() noexcept;
/// For a program that has threads of its own on those of the system.
void be_this_thread(const Requester& who) noexcept;
void name_this_thread(std::string_view name, std::uint64_t number, NumberOf kind) noexcept;
/// In the child after a fork, which has other numbers.
void forget_this_thread() noexcept;

struct Holder {
  SourceLocation where;
  Requester who;

  /// "app.cpp:41 in thread 'worker' (tid 4711)", or "app.cpp:41 for 'import' in task 'nightly'". `lease`:
  /// what the program calls it; empty: nothing.
  [[nodiscard]] std::string text(std::string_view lease = {}) const;
};

}  // namespace copg::engine
