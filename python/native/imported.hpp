// What is needed of Python's standard library and of the package itself, looked up once, when the module is
// loaded. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/connection.hpp>

namespace copg::python {

namespace nb = nanobind;

/// References that live as long as the process.
struct Imported {
  PyObject* decimal;
  PyObject* uuid;
  PyObject* uuid_int;  ///< Names of UUID's attributes,
  PyObject* uuid_is_safe;
  PyObject* uuid_unknown;  ///< and the value of the second.
  PyObject* enumeration;
  PyObject* ip_address;  ///< A function: address without a prefix.
  PyObject* ip_interface;
  PyObject* ip_network;
  PyObject* address_types;  ///< A tuple, for isinstance.
  PyObject* network_types;
  PyObject* json_loads;
  PyObject* json_dumps;
  PyObject* json;  ///< pycopg.types.Json, and Jsonb derived from it
  PyObject* jsonb;
  PyObject* range;
  PyObject* multirange;
  PyObject* types_unknown;  ///< pycopg._native_types
  PyObject* interval;
  PyObject* transaction_status[5];  ///< The members of pycopg.TransactionStatus, by copg's.
  PyObject* mapping;                ///< collections.abc
  PyObject* sequence;
  PyObject* get_running_loop;  ///< asyncio
  PyObject* current_task;
  PyObject* current_thread;  ///< threading
  PyObject* get_name;        ///< The name of a task's method.
  PyObject* holder_id;       ///< The name of an attribute that tasks get.
  PyObject* cancelled_error;
  PyObject* error_classes;    ///< pycopg.errors: from kinds, and from SQLSTATEs' beginnings, to classes,
  PyObject* error_class_for;  ///< and a function that finds those that are not there yet.
  PyObject* operational_error;
  PyObject* data_error;
  PyObject* programming_error;
  // Instructions, by their numbers; -1 where Python does not have them.
  int before_with;
  int load_special;
  int call;
};

void load_imported();
const Imported& imported() noexcept;

/// pycopg's member for it.
nb::object for_python(TransactionStatus status);

/// isinstance(value, type)
bool is_instance(PyObject* value, PyObject* type);

}  // namespace copg::python
