// The look-ups. Each module is imported here and nowhere else.
#include "python/native/python_types.hpp"

#include "python/native/decode.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

PythonTypes types{};

PyObject* get(const char* module, const char* name) {
  return nb::getattr(nb::module_::import_(module), name).release().ptr();
}

}  // namespace

void load_python_types() {
  types.decimal = get("decimal", "Decimal");
  types.uuid = get("uuid", "UUID");
  types.uuid_int = PyUnicode_InternFromString("int");
  types.uuid_is_safe = PyUnicode_InternFromString("is_safe");
  types.uuid_unknown =
      nb::object(nb::module_::import_("uuid").attr("SafeUUID").attr("unknown")).release().ptr();
  types.enumeration = get("enum", "Enum");
  types.ip_address = get("ipaddress", "ip_address");
  types.ip_interface = get("ipaddress", "ip_interface");
  types.ip_network = get("ipaddress", "ip_network");
  const nb::module_ ipaddress = nb::module_::import_("ipaddress");
  types.address_types =
      nb::make_tuple(ipaddress.attr("IPv4Address"), ipaddress.attr("IPv6Address")).release().ptr();
  types.network_types =
      nb::make_tuple(ipaddress.attr("IPv4Network"), ipaddress.attr("IPv6Network")).release().ptr();
  types.json_loads = get("json", "loads");
  types.json_dumps = get("json", "dumps");
  types.json = get("pycopg.types", "Json");
  types.jsonb = get("pycopg.types", "Jsonb");
  types.range = get("pycopg.types", "Range");
  const nb::object statuses = nb::module_::import_("pycopg._native_types").attr("TransactionStatus");
  const auto status = [&](TransactionStatus ours, const char* theirs) {
    types.transaction_status[static_cast<int>(ours)] = nb::getattr(statuses, theirs).release().ptr();
  };
  status(TransactionStatus::idle, "IDLE");
  status(TransactionStatus::busy, "ACTIVE");
  status(TransactionStatus::in_transaction, "INTRANS");
  status(TransactionStatus::failed, "INERROR");
  status(TransactionStatus::unknown, "UNKNOWN");
  types.mapping = get("collections.abc", "Mapping");
  types.sequence = get("collections.abc", "Sequence");
  types.get_running_loop = get("asyncio", "get_running_loop");
  types.current_task = get("asyncio", "current_task");
  types.current_thread = get("threading", "current_thread");
  types.get_name = PyUnicode_InternFromString("get_name");
  types.cancelled_error = get("asyncio", "CancelledError");
  types.error_classes = get("pycopg.errors", "_classes");
  types.error_class_for = get("pycopg.errors", "_class_for");
  types.operational_error = get("pycopg.errors", "OperationalError");
  types.data_error = get("pycopg.errors", "DataError");
  types.programming_error = get("pycopg.errors", "ProgrammingError");
  load_datetime();
}

const PythonTypes& python_types() noexcept { return types; }

nb::object for_python(TransactionStatus status) {
  return nb::borrow(types.transaction_status[static_cast<int>(status)]);
}

bool is_instance(PyObject* value, PyObject* type) {
  const int answer = PyObject_IsInstance(value, type);
  if (answer < 0) throw nb::python_error();
  return answer == 1;
}

}  // namespace copg::python
