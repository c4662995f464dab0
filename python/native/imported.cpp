// The look-ups. Each module is imported here and nowhere else.
#include "python/native/imported.hpp"

#include "python/native/decode.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

Imported objects{};

PyObject* get(const char* module, const char* name) {
  return nb::getattr(nb::module_::import_(module), name).release().ptr();
}

}  // namespace

void load_imported() {
  objects.decimal = get("decimal", "Decimal");
  objects.uuid = get("uuid", "UUID");
  objects.uuid_int = PyUnicode_InternFromString("int");
  objects.uuid_is_safe = PyUnicode_InternFromString("is_safe");
  objects.uuid_unknown =
      nb::object(nb::module_::import_("uuid").attr("SafeUUID").attr("unknown")).release().ptr();
  objects.enumeration = get("enum", "Enum");
  objects.ip_address = get("ipaddress", "ip_address");
  objects.ip_interface = get("ipaddress", "ip_interface");
  objects.ip_network = get("ipaddress", "ip_network");
  const nb::module_ ipaddress = nb::module_::import_("ipaddress");
  objects.address_types =
      nb::make_tuple(ipaddress.attr("IPv4Address"), ipaddress.attr("IPv6Address")).release().ptr();
  objects.network_types =
      nb::make_tuple(ipaddress.attr("IPv4Network"), ipaddress.attr("IPv6Network")).release().ptr();
  objects.json_loads = get("json", "loads");
  objects.json_dumps = get("json", "dumps");
  objects.json = get("pycopg.types", "Json");
  objects.jsonb = get("pycopg.types", "Jsonb");
  objects.range = get("pycopg.types", "Range");
  objects.multirange = get("pycopg.types", "Multirange");
  objects.types_unknown = get("pycopg._native_types", "TypesUnknown");
  objects.interval = get("pycopg.types", "Interval");
  const nb::object statuses = nb::module_::import_("pycopg._native_types").attr("TransactionStatus");
  const auto status = [&](TransactionStatus ours, const char* theirs) {
    objects.transaction_status[static_cast<int>(ours)] = nb::getattr(statuses, theirs).release().ptr();
  };
  status(TransactionStatus::idle, "IDLE");
  status(TransactionStatus::busy, "ACTIVE");
  status(TransactionStatus::in_transaction, "INTRANS");
  status(TransactionStatus::failed, "INERROR");
  status(TransactionStatus::unknown, "UNKNOWN");
  objects.mapping = get("collections.abc", "Mapping");
  objects.sequence = get("collections.abc", "Sequence");
  objects.get_running_loop = get("asyncio", "get_running_loop");
  objects.current_task = get("asyncio", "current_task");
  objects.current_thread = get("threading", "current_thread");
  objects.get_name = PyUnicode_InternFromString("get_name");
  objects.holder_id = PyUnicode_InternFromString("_pycopg_holder_id");
  objects.cancelled_error = get("asyncio", "CancelledError");
  objects.error_classes = get("pycopg._error_tree", "_classes");
  objects.error_class_for = get("pycopg._error_tree", "_class_for");
  objects.operational_error = get("pycopg.errors", "OperationalError");
  objects.data_error = get("pycopg.errors", "DataError");
  objects.programming_error = get("pycopg.errors", "ProgrammingError");
  const nb::object opcodes = nb::module_::import_("opcode").attr("opmap");
  const auto opcode = [&](const char* name) { return nb::cast<int>(opcodes.attr("get")(name, -1)); };
  objects.before_with = opcode("BEFORE_WITH");
  objects.load_special = opcode("LOAD_SPECIAL");
  objects.call = opcode("CALL");
  load_datetime();
}

const Imported& imported() noexcept { return objects; }

nb::object for_python(TransactionStatus status) {
  return nb::borrow(objects.transaction_status[static_cast<int>(status)]);
}

bool is_instance(PyObject* value, PyObject* type) {
  const int answer = PyObject_IsInstance(value, type);
  if (answer < 0) throw nb::python_error();
  return answer == 1;
}

}  // namespace copg::python
