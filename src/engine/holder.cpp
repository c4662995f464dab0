// The threads that hold leases: what a person can find again in top, gdb, or Python's own lists.
#include "engine/holder.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>

#include "os/names.hpp"

namespace copg::engine {
namespace {

thread_local Requester known_thread;
std::atomic<pool::HolderId> last_holder = pool::unknown_holder;

[[gnu::cold, gnu::noinline]] void find_out_thread() noexcept {
  std::array<char, 16> name{};  // of which the kernel keeps so many bytes
  os::get_thread_name(name);
  name_this_thread(name.data(), os::thread_number(), NumberOf::kernel);
}

}  // namespace

const Requester& this_thread() noexcept {
  if (known_thread.kind == NumberOf::unknown) find_out_thread();
  return known_thread;
}

bool this_thread_is_known() noexcept { return known_thread.kind != NumberOf::unknown; }

void be_this_thread(const Requester& who) noexcept { known_thread = who; }

void name_this_thread(std::string_view name, std::uint64_t number, NumberOf kind) noexcept {
  const pool::HolderId id = known_thread.id != pool::unknown_holder ? known_thread.id : new_holder_id();
  known_thread = {HolderName(name), kind, number, id};
}

pool::HolderId new_holder_id() noexcept { return last_holder.fetch_add(1, std::memory_order_relaxed) + 1; }

void forget_this_thread() noexcept { known_thread.kind = NumberOf::unknown; }

std::string Requester::text() const {
  if (kind == NumberOf::task) return fmt::format("task '{}'", name.view());
  const char* const whose = kind == NumberOf::python ? "ident" : "tid";
  if (name.empty()) return fmt::format("thread ({} {})", whose, number);
  return fmt::format("thread '{}' ({} {})", name.view(), whose, number);
}

std::string Holder::text(std::string_view lease) const {
  const std::string purpose = lease.empty() ? std::string() : fmt::format(" for '{}'", lease);
  return fmt::format("{}:{}{} in {}", where.file_name(), where.line(), purpose, who.text());
}

}  // namespace copg::engine
