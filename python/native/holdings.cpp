#include "python/native/holdings.hpp"

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "python/native/gil.hpp"
#include "python/native/seconds.hpp"

namespace copg::python {
namespace {

nb::object seconds_or_none(const std::optional<std::chrono::nanoseconds>& time) {
  return time ? nb::object(nb::float_(seconds(*time))) : nb::none();
}

/// Texts come from the program, which may have put anything into them.
nb::str shown_text(std::string_view text) {
  return nb::steal<nb::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

}  // namespace

nb::list leases_of(const std::vector<std::shared_ptr<engine::PoolEngine>>& engines) {
  nb::list list;
  for (const auto& engine : engines) {
    for (const LeaseInfo& lease : without_gil([&] { return engine->holdings().leases(); }))
      list.append(nb::make_tuple(shown_text(lease.where.file_name()), lease.where.line(),
                                 shown_text(lease.where.function_name()), shown_text(lease.holder),
                                 shown_text(lease.statement), lease.connection, lease.backend_pid,
                                 seconds(lease.age), seconds(lease.idle), seconds_or_none(lease.running),
                                 lease.travelling, shown_text(to_string(lease.status)),
                                 lease.name.empty() ? nb::object(nb::none()) : shown_text(lease.name)));
  }
  return list;
}

nb::list waiters_of(const std::vector<std::shared_ptr<engine::PoolEngine>>& engines) {
  nb::list list;
  for (const auto& engine : engines) {
    for (const WaiterInfo& waiter : without_gil([&] { return engine->holdings().waiters(); }))
      list.append(nb::make_tuple(shown_text(waiter.where.file_name()), waiter.where.line(),
                                 shown_text(waiter.where.function_name()), shown_text(waiter.holder),
                                 shown_text(waiter.statement), waiter.position, seconds(waiter.waited),
                                 seconds_or_none(waiter.remaining)));
  }
  return list;
}

}  // namespace copg::python
