// copg keeps the names of files and functions as pointers that live as long as the program: each name is kept
// once, for ever. There are as many as the program has files, and functions that ask for connections.
#include "python/native/location.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "engine/holder.hpp"
#include "python/native/imported.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

std::string package_folder;

const char* kept_for_ever(std::string_view name) {
  static auto* const names = new std::unordered_set<std::string>;
  static auto* const mutex = new nb::ft_mutex;
  const nb::ft_lock_guard lock(*mutex);
  return names->emplace(name).first->c_str();
}

std::string_view chars_of(PyObject* text) {
  Py_ssize_t size = 0;
  const char* const name = PyUnicode_AsUTF8AndSize(text, &size);
  if (name == nullptr) {
    PyErr_Clear();
    return "?";
  }
  return {name, static_cast<std::size_t>(size)};
}

std::string_view file_of(PyCodeObject* code) { return chars_of(code->co_filename); }

std::string_view function_of(PyCodeObject* code) {
#if PY_VERSION_HEX >= 0x030B0000
  return chars_of(code->co_qualname);
#else
  return chars_of(code->co_name);
#endif
}

/// Where an instruction of the program stands.
struct Place {
  const char* file = nullptr;  // nullptr: in this package
  const char* function = "";
  const char* module = "";
  std::uint32_t line = 0;
  bool enters_block = false;
};

/// What was found last. Python finds a line by a walk through the table of its function, which in a long one
/// costs more than the rest of a query. Holds on to at most so many code objects.
class KnownPlaces {
 public:
  std::optional<Place> find(PyObject* code, int instruction) {
    const nb::ft_lock_guard lock(mutex_);
    const Known& known = at(code, instruction);
    if (known.code.ptr() != code || known.instruction != instruction) return std::nullopt;
    return known.place;
  }
  void add(PyObject* code, int instruction, const Place& place) {
    Known replaced{nb::borrow(code), instruction, place};  // dies after the lock is gone
    const nb::ft_lock_guard lock(mutex_);
    std::swap(at(code, instruction), replaced);
  }

 private:
  static constexpr std::size_t capacity = 1024;
  struct Known {
    nb::object code;
    int instruction = -1;
    Place place;
  };
  Known& at(PyObject* code, int instruction) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(code) >> 4;
    return places_[(address + static_cast<std::uintptr_t>(instruction)) % capacity];
  }

  nb::ft_mutex mutex_;
  std::array<Known, capacity> places_;
};

/// Never destroyed: the interpreter may be gone by then.
KnownPlaces& known_places() {
  static auto* const instance = new KnownPlaces;
  return *instance;
}

/// -1: not to be had, so that there is nothing to remember a place by.
int instruction_of([[maybe_unused]] PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
  return PyFrame_GetLasti(frame);
#else
  return -1;
#endif
}

/// A `with` calls `__enter__` by BEFORE_WITH, and since Python 3.14 by LOAD_SPECIAL and CALL.
bool enters_block([[maybe_unused]] PyCodeObject* code, [[maybe_unused]] int instruction) {
#if PY_VERSION_HEX >= 0x030B0000
  constexpr int may_be_left = CO_GENERATOR | CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR;
  constexpr int length = 2;  // of an instruction
  if (instruction < 0 || (code->co_flags & may_be_left) != 0) return false;
  const nb::object bytes = nb::steal(PyCode_GetCode(code));
  if (!bytes.is_valid()) {
    PyErr_Clear();
    return false;
  }
  const auto* const opcodes = reinterpret_cast<const unsigned char*>(PyBytes_AsString(bytes.ptr()));
  const int opcode = opcodes[instruction];
  if (opcode == imported().before_with) return true;
  return opcode == imported().call && instruction >= length &&
         opcodes[instruction - length] == imported().load_special;
#else
  return false;
#endif
}

nb::object globals_of(PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
  return nb::steal(PyFrame_GetGlobals(frame));
#else
  return nb::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(frame), "f_globals"));
#endif
}

const char* module_of(PyFrameObject* frame) {
  const nb::object globals = globals_of(frame);
  PyObject* const name = globals.is_valid() ? PyDict_GetItemString(globals.ptr(), "__name__") : nullptr;
  PyErr_Clear();
  return name != nullptr && PyUnicode_Check(name) ? kept_for_ever(chars_of(name)) : "";
}

/// Where a thread or task begins: what has started that did not ask for the connection.
bool starts(std::string_view module) {
  const std::string_view package = module.substr(0, module.find('.'));
  return package == "asyncio" || package == "threading" || package == "concurrent" || package == "uvloop";
}

Place place_of(PyFrameObject* frame) {
  const int instruction = instruction_of(frame);
  const nb::object code = nb::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
  if (instruction >= 0) {
    if (const auto known = known_places().find(code.ptr(), instruction)) return *known;
  }
  Place place;
  const std::string_view file = file_of(reinterpret_cast<PyCodeObject*>(code.ptr()));
  if (package_folder.empty() || !file.starts_with(package_folder)) {
    const int line = PyFrame_GetLineNumber(frame);
    place.file = kept_for_ever(file);
    place.function = kept_for_ever(function_of(reinterpret_cast<PyCodeObject*>(code.ptr())));
    place.module = module_of(frame);
    place.line = line > 0 ? static_cast<std::uint32_t>(line) : 0;
    place.enters_block = enters_block(reinterpret_cast<PyCodeObject*>(code.ptr()), instruction);
  }
  if (instruction >= 0) known_places().add(code.ptr(), instruction, place);
  return place;
}

/// Its name as Python has it now. No exception comes out: a name is not worth one.
[[gnu::cold, gnu::noinline]] void name_thread() noexcept {
  const auto ident = static_cast<std::uint64_t>(PyThread_get_thread_ident());
  const nb::object thread = nb::steal(PyObject_CallNoArgs(imported().current_thread));
  const nb::object name =
      thread.is_valid() ? nb::steal(PyObject_GetAttrString(thread.ptr(), "name")) : nb::object();
  Py_ssize_t size = 0;
  const char* const text =
      name.is_valid() && PyUnicode_Check(name.ptr()) ? PyUnicode_AsUTF8AndSize(name.ptr(), &size) : nullptr;
  PyErr_Clear();
  engine::name_this_thread(text == nullptr ? "" : std::string_view(text, static_cast<std::size_t>(size)),
                           ident, engine::NumberOf::python);
}

}  // namespace

void set_package_folder(std::string folder) { package_folder = std::move(folder); }

OriginSkip::OriginSkip(nb::handle names) {
  const bool is_list = nb::isinstance<nb::tuple>(names) || nb::isinstance<nb::list>(names);
  for (nb::handle name : is_list ? nb::iter(names) : nb::iter(nb::tuple()))
    if (nb::isinstance<nb::str>(name)) modules_.emplace_back(chars_of(name.ptr()));
  if (is_list && modules_.size() == nb::len(names)) return;
  const std::string shown = nb::cast<std::string>(nb::repr(names));
  throw nb::type_error(
      fmt::format("origin_skip = {}: it must be a tuple or a list of names of modules", shown).c_str());
}

bool OriginSkip::leaves_out(std::string_view module) const noexcept {
  return std::ranges::any_of(modules_, [&](const std::string& name) {
    return module.starts_with(name) && (module.size() == name.size() || module[name.size()] == '.');
  });
}

SourceLocation caller(const OriginSkip& skip) { return caller_in_block(skip).where; }

Caller caller_in_block(const OriginSkip& skip) {
  if (!engine::this_thread_is_known()) [[unlikely]]
    name_thread();
  std::optional<Caller> innermost;
  nb::object frame = nb::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  for (; frame.is_valid(); frame = nb::steal(reinterpret_cast<PyObject*>(
                               PyFrame_GetBack(reinterpret_cast<PyFrameObject*>(frame.ptr()))))) {
    const Place place = place_of(reinterpret_cast<PyFrameObject*>(frame.ptr()));
    if (place.file == nullptr) continue;
    const SourceLocation where = SourceLocation::current(place.file, place.function, place.line);
    if (!innermost) {
      innermost = {where, place.enters_block};
      if (skip.empty() || !skip.leaves_out(place.module)) return *innermost;
      continue;
    }
    // A wrapper's own context manager is entered by way of contextlib.
    if (skip.leaves_out(place.module) || std::string_view(place.module) == "contextlib") continue;
    if (starts(place.module)) break;
    return {where, innermost->enters_block};
  }
  return innermost.value_or(Caller{SourceLocation::current("?", "", 0), false});
}

}  // namespace copg::python
