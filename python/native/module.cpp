// The module pycopg._native.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <copg/config.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "python/native/adapt.hpp"
#include "python/native/any_connection.hpp"
#include "python/native/any_pool.hpp"
#include "python/native/attempts.hpp"
#include "python/native/callback.hpp"
#include "python/native/connection.hpp"
#include "python/native/copy.hpp"
#include "python/native/copy_buffer.hpp"
#include "python/native/cursor.hpp"
#include "python/native/deadline.hpp"
#include "python/native/errors.hpp"
#include "python/native/event_queue.hpp"
#include "python/native/imported.hpp"
#include "python/native/interpreter_exit.hpp"
#include "python/native/listener.hpp"
#include "python/native/location.hpp"
#include "python/native/loop_connection.hpp"
#include "python/native/loop_copy.hpp"
#include "python/native/loop_pool.hpp"
#include "python/native/metrics.hpp"
#include "python/native/monitor.hpp"
#include "python/native/parameter_rows.hpp"
#include "python/native/pipeline.hpp"
#include "python/native/pool.hpp"
#include "python/native/row_kind.hpp"
#include "python/native/row_stream.hpp"
#include "python/native/shortcut.hpp"
#include "python/native/transaction_options.hpp"
#include "python/native/types.hpp"
#include "python/native/waiting.hpp"
#include "sync/call.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

std::optional<std::int64_t> statement_timeout_ms(const Config& config) {
  return config.statement_timeout ? std::optional<std::int64_t>(config.statement_timeout->count())
                                  : std::nullopt;
}

void bind_config(nb::module_& module) {
  nb::class_<Config>(module, "Config")
      .def(nb::init<>())
      .def_rw("host", &Config::host)
      .def_rw("port", &Config::port)
      .def_rw("database", &Config::database)
      .def_rw("user", &Config::user)
      .def_rw("password", &Config::password)
      .def_rw("sslmode", &Config::sslmode)
      .def_rw("options", &Config::options)
      .def_prop_rw(
          "statement_timeout_ms", statement_timeout_ms,
          [](Config& config, std::optional<std::int64_t> ms) {
            config.statement_timeout = ms ? std::optional(std::chrono::milliseconds(*ms)) : std::nullopt;
          },
          nb::for_setter(nb::arg("ms").none()))
      .def_static(
          "from_env",
          [](const std::optional<std::filesystem::path>& dotenv, bool load_dotenv_file) {
            return Config::from_env(dotenv, load_dotenv_file);
          },
          nb::arg("dotenv").none(), nb::arg("load_dotenv_file"))
      .def_static("from_url", [](const std::string& url) { return Config::from_url(url); })
      .def("validate", &Config::validate)
      .def("dsn", &Config::dsn);
}

}  // namespace
}  // namespace copg::python

NB_MODULE(_native_in_main, module) {
  using namespace copg::python;
  // Threads that the end of the interpreter stops keep what they hold; nobody needs to be told.
  nb::set_leak_warnings(false);
  load_imported();
  translate_exceptions();
  watch_for_signals();
  module.attr("__version__") = COPG_VERSION;
  module.def("set_package_folder", set_package_folder);
  module.def("remember_main_thread", remember_main_thread);
  module.def("end_calls", end_calls);
  module.def("forget_other_threads", forget_other_threads);
  module.def("iterator_of", iterator_of);
  module.def("set_composer", set_composer);
  module.def(
      "literal", [](nb::handle value) { return literal_of(value.ptr()); }, nb::arg().none());
  module.def("chooses_host", copg::sync::EngineAccess::chooses_host);
  bind_shortcut(module);
  bind_types(module);
  bind_config(module);
  bind_deadline(module);
  bind_metrics(module);
  bind_any_pool(module);
  bind_pool(module);
  bind_monitor(module);
  bind_row_kinds(module);
  bind_cursor(module);
  bind_pipeline(module);
  bind_transaction_options(module);
  bind_attempts(module);
  bind_any_connection(module);
  bind_connection(module);
  bind_copy_buffer(module);
  bind_copy(module);
  bind_loop_copy(module);
  bind_row_stream(module);
  bind_callback(module);
  bind_event_queue(module);
  bind_loop_connection(module);
  bind_loop_pool(module);
  bind_listener(module);
}

namespace {

int (*make_module)(PyObject*) = nullptr;  // nanobind's

/// A thread that waits takes the lock of the first interpreter back, whichever one it came from: in another
/// it would wait for ever. Python itself refuses only from 3.12 on, and not the subinterpreters of mod_wsgi.
bool refuse_subinterpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return false;
  PyErr_SetString(PyExc_ImportError,
                  "pycopg can't be used in a subinterpreter (for mod_wsgi: WSGIApplicationGroup %{GLOBAL})");
  return true;
}

int make_module_in_main(PyObject* module) { return refuse_subinterpreter() ? -1 : make_module(module); }

}  // namespace

/// What Python calls, in the interpreter that imports; from 3.13 on in the first one, and only the module is
/// made in the other. Either way this must come before anything of nanobind's, which takes the module away
/// from the first interpreter.
extern "C" NB_EXPORT PyObject* PyInit__native() {
  if (refuse_subinterpreter()) return nullptr;
  PyObject* const definition = PyInit__native_in_main();
  if (definition == nullptr || make_module != nullptr || Py_TYPE(definition) != &PyModuleDef_Type)
    return definition;
  for (PyModuleDef_Slot* slot = reinterpret_cast<PyModuleDef*>(definition)->m_slots; slot->slot != 0;
       ++slot) {
    if (slot->slot != Py_mod_exec) continue;
    make_module = reinterpret_cast<int (*)(PyObject*)>(slot->value);
    slot->value = reinterpret_cast<void*>(make_module_in_main);
  }
  return definition;
}
