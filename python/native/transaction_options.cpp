// Judged here, when they are given: TypeError and ValueError that name the argument.
#include "python/native/transaction_options.hpp"

#include <nanobind/stl/string.h>

#include <fmt/format.h>

#include <new>
#include <string>
#include <utility>

#include "python/native/binding.hpp"
#include "python/native/options.hpp"

namespace copg::python {
namespace {

std::string repr_text(nb::handle value) { return nb::cast<std::string>(nb::repr(value)); }

Isolation isolation_of(nb::handle given) {
  constexpr std::pair<const char*, Isolation> levels[] = {{"read uncommitted", Isolation::read_uncommitted},
                                                          {"read committed", Isolation::read_committed},
                                                          {"repeatable read", Isolation::repeatable_read},
                                                          {"serializable", Isolation::serializable}};
  for (const auto& [name, level] : levels) {
    if (given.equal(nb::str(name))) return level;
  }
  throw nb::value_error(fmt::format("isolation = {}: it must be one of 'read uncommitted', 'read committed', "
                                    "'repeatable read', 'serializable'",
                                    repr_text(given))
                            .c_str());
}

void require_no_nul(const std::string& text, const char* what) {
  if (text.find('\0') != std::string::npos)
    throw nb::value_error(fmt::format("{} holds a NUL character", what).c_str());
}

/// As PostgreSQL writes it.
std::string setting_value(const std::string& name, nb::handle given) {
  if (given.is(Py_True)) return "on";
  if (given.is(Py_False)) return "off";
  nb::object value = nb::borrow(given);
  // Of an enumeration, the number.
  if (PyLong_Check(given.ptr())) value = nb::steal(PyNumber_Long(given.ptr()));
  if (PyFloat_Check(given.ptr())) value = nb::steal(PyNumber_Float(given.ptr()));
  if (!value.is_valid()) throw nb::python_error();
  if (!PyUnicode_Check(value.ptr()) && !PyLong_Check(value.ptr()) && !PyFloat_Check(value.ptr())) {
    throw nb::type_error(
        fmt::format("settings['{}'] = {}: it must be a str, a number or a bool", name, repr_text(given))
            .c_str());
  }
  return copg::python::text_of(nb::str(value), "a value in settings");
}

void add_settings(TransactionOptions& options, nb::handle given) {
  if (given.is_none()) return;
  if (PyMapping_Check(given.ptr()) == 0 || !nb::hasattr(given, "items"))
    throw nb::type_error(fmt::format("settings = {}: it must be a dict", repr_text(given)).c_str());
  const nb::object items = given.attr("items")();
  for (const nb::handle item : items) {
    std::string name = copg::python::text_of(nb::object(item[0]), "a name in settings");
    if (name.empty()) throw nb::value_error("a name in settings is empty");
    require_no_nul(name, "a name in settings");
    std::string value = setting_value(name, nb::object(item[1]));
    require_no_nul(value, "a value in settings");
    options.settings.emplace_back(std::move(name), std::move(value));
  }
}

void make_options(TransactionOptions* self, nb::handle isolation, nb::handle readonly, nb::handle deferrable,
                  nb::handle settings, nb::handle role, nb::handle resolve_commit) {
  TransactionOptions options;
  if (!isolation.is_none()) options.isolation = isolation_of(isolation);
  options.read_only = switch_of(readonly, "readonly");
  options.deferrable = switch_of(deferrable, "deferrable");
  add_settings(options, settings);
  if (!role.is_none()) {
    options.role = copg::python::text_of(role, "role");
    if (options.role.empty()) throw nb::value_error("role = '': it must be a role's name");
    require_no_nul(options.role, "role");
  }
  if (!resolve_commit.is_none()) options.resolve_commit = switch_of(resolve_commit, "resolve_commit");
  new (self) TransactionOptions(std::move(options));
}

}  // namespace

void bind_transaction_options(nb::module_& module) {
  nb::class_<TransactionOptions>(module, "TransactionOptions")
      .def("__init__", make_options, bind::any, bind::any, bind::any, bind::any, bind::any, bind::any);
}

}  // namespace copg::python
