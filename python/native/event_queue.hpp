// What happens in pools, on its way to Python: the engine's threads put it here without Python's lock, and a
// thread of Python's own takes it (pycopg._events), which runs the hooks of the program's observers.
//
// So no thread of the engine waits for the lock, or runs Python's code (see interpreter_exit.hpp). There is
// one queue for the process. docs/adr/0058 has the decisions.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/event.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace copg::python {

namespace nb = nanobind;

class Notifier;

/// What a field of an event may hold. Texts of the server may be in any encoding.
using EventField =
    std::variant<std::int64_t, double, bool, std::string, std::vector<std::string>, std::monostate>;

/// Holds the fields that pycopg.events has for the hook, in their order.
struct QueuedEvent {
  std::shared_ptr<const Notifier> to;
  const char* hook = "";
  std::vector<EventField> fields;
};

/// With the pool, the connection and its backend in front.
[[nodiscard]] std::vector<EventField> fields_of(const event::Event& at, std::vector<EventField> more);
/// With the GIL: a new reference to a tuple, or nullptr and an exception.
[[nodiscard]] PyObject* tuple_of(const std::vector<EventField>& fields) noexcept;

/// For any thread, with the GIL or without. Beyond `queued_events` it drops the event and counts it.
void put_event(QueuedEvent event) noexcept;
inline constexpr std::size_t queued_events = 10'000;

void bind_event_queue(nb::module_& module);

}  // namespace copg::python
