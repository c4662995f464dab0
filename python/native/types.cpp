#include "python/native/types.hpp"

#include <nanobind/stl/string.h>

#include <fmt/format.h>

#include "python/native/binding.hpp"
#include "python/native/imported.hpp"
#include "python/native/loaders.hpp"
#include "python/native/raised.hpp"
#include "python/native/unread.hpp"

namespace copg::python {
namespace {

/// Of the types of a database: those below come with PostgreSQL (src/include/access/transam.h).
constexpr Oid first_own_type = 16384;

/// Whether values are read as text for want of something better.
bool is_other(Oid type) noexcept {
  constexpr Oid single_char = 18, system_name = 19, unknown = 705, padded = 1042, varying = 1043;
  switch (type) {
    case oid::inferred:
    case oid::text:
    case single_char:
    case system_name:
    case unknown:
    case padded:
    case varying: return false;
    default: break;
  }
  if (const Oid element = element_of(type)) return is_other(element);
  return type >= first_own_type || decoder_for(type) == decoder_for(oid::text);
}

}  // namespace

PyObject* TypeMap::keep(nb::handle object) {
  kept_.push_back(nb::borrow(object));
  return object.ptr();
}

/// Makes the loaders, those of their parts first.
class TypeMap::Maker {
 public:
  Maker(TypeMap& map, const nb::dict& readers) : map_(map), given_(readers) {}

  CellReader reader(Oid type) {
    if (const auto found = map_.readers_.find(type); found != map_.readers_.end())
      return found->second.reader;
    const nb::int_ key(type);
    if (!given_.contains(key)) return {decoder_for(type), type};
    const nb::tuple given(given_[key]);
    const CellReader made = make(type, nb::cast<std::string>(given[1]), given);
    map_.readers_.insert({type, {made, nb::cast<std::string>(given[0])}});
    return made;
  }

 private:
  CellReader loaded(std::unique_ptr<Loader> loader, Oid type) {
    map_.loaders_.push_back(std::move(loader));
    return {nullptr, type, map_.loaders_.back().get()};
  }
  CellReader make(Oid type, const std::string& kind, const nb::tuple& given) {
    const auto part = [&](std::size_t at) { return reader(nb::cast<Oid>(given[at])); };
    const auto kept = [&](std::size_t at) { return map_.keep(nb::object(given[at])); };
    if (kind == "same") return part(2);
    if (kind == "enum") return loaded(enum_loader(kept(2), kept(3)), type);
    if (kind == "array") return loaded(array_loader(part(2), nb::cast<std::string>(given[3]).front()), type);
    if (kind == "range") return loaded(range_loader(part(2)), type);
    if (kind == "multirange") return loaded(multirange_loader(part(2)), type);
    if (kind == "hstore") return loaded(hstore_loader(kept(2)), type);
    if (kind == "call") return loaded(calling_loader(kept(2)), type);
    if (kind == "max") return {decode_infinite_as_max, type};
    if (kind == "infinity") return {decode_infinite_as_text, type};
    if (kind == "parts") return {decode_interval_parts, type};
    if (kind == "composite") {
      std::vector<CellReader> fields;
      for (const nb::handle field : nb::object(given[4])) fields.push_back(reader(nb::cast<Oid>(field)));
      return loaded(composite_loader(kept(2), kept(3), std::move(fields)), type);
    }
    return {decoder_for(oid::text), type};
  }

  TypeMap& map_;
  const nb::dict& given_;
};

TypeMap::TypeMap(std::shared_ptr<std::atomic<bool>> stale, const nb::dict& readers, const nb::dict& dumpers,
                 const nb::iterable& plain, nb::handle json_dumps, bool infinite_as_max, bool looks_up)
    : stale_(std::move(stale)), infinite_as_max_(infinite_as_max), looks_up_(looks_up) {
  Maker maker(*this, readers);
  for (const auto& [type, given] : readers) static_cast<void>(maker.reader(nb::cast<Oid>(type)));
  for (const auto& [type, given] : readers) {
    const nb::tuple parts = nb::borrow<nb::tuple>(given);
    if (nb::cast<std::string>(parts[1]) == "array")
      arrays_.emplace(nb::cast<Oid>(parts[2]), nb::cast<Oid>(type));
  }
  for (const auto& [type, given] : dumpers) {
    const nb::tuple parts = nb::borrow<nb::tuple>(given);
    const auto number = nb::cast<Oid>(parts[3]);
    dumpers_.insert({reinterpret_cast<PyTypeObject*>(keep(type)),
                     {static_cast<Dumper::How>(nb::cast<int>(parts[0])), keep(nb::object(parts[1])),
                      nb::cast<std::string>(parts[2]), number, array_over(number)}});
  }
  for (const nb::handle type : plain) plain_.insert(nb::cast<Oid>(type));
  if (!json_dumps.is_none()) json_dumps_ = keep(json_dumps);
}

CellReader TypeMap::reader(Oid type) const {
  const auto found = readers_.find(type);
  return found == readers_.end() ? CellReader{decoder_for(type), type} : found->second.reader;
}

std::string_view TypeMap::name(Oid type) const {
  const auto found = readers_.find(type);
  return found == readers_.end() ? std::string_view() : std::string_view(found->second.name);
}

bool TypeMap::is_unknown(Oid type) const {
  return looks_up_ && is_other(type) && !readers_.contains(type) && !plain_.contains(type);
}

const Dumper* TypeMap::dumper(PyTypeObject* type) const {
  if (dumpers_.empty()) return nullptr;
  if (const auto found = dumpers_.find(type); found != dumpers_.end()) return &found->second;
  PyObject* const bases = type->tp_mro;
  if (bases == nullptr) return nullptr;
  for (Py_ssize_t i = 1; i + 1 < PyTuple_GET_SIZE(bases); ++i) {  // neither itself nor `object`
    const auto found = dumpers_.find(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(bases, i)));
    if (found != dumpers_.end()) return &found->second;
  }
  return nullptr;
}

Oid TypeMap::array_over(Oid element) const {
  const auto found = arrays_.find(element);
  return found == arrays_.end() ? array_of(element) : found->second;
}

int TypeMap::traverse(visitproc visit, void* arg) const {
  for (const nb::object& object : kept_) Py_VISIT(object.ptr());
  return 0;
}

void Undumped::raise() const {
  nb::handle type = missing ? imported().programming_error : imported().data_error;
  const nb::object error = type(nb::str(what.c_str(), what.size()));
  if (cause.is_valid()) PyException_SetCause(error.ptr(), nb::object(cause).release().ptr());
  PyErr_SetObject(type.ptr(), error.ptr());
  throw nb::python_error();
}

bool tells_lost_type(const Error& error, const TypeMap* types) {
  if (types == nullptr) return false;
  const ErrorInfo& info = error.info();
  // parse_type.c, lsyscache.c, typcache.c, and what they say of a composite type.
  for (const std::string_view before :
       {"cache lookup failed for type ", "type with OID ", "wrong element type"}) {
    if (std::string_view(info.message).starts_with(before)) return true;
  }
  return false;
}

namespace {

void translate_unknown(const std::exception_ptr& thrown, void* /*unused*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const TypesUnknown& unknown) {
    nb::list types;
    for (const Oid type : unknown.types) types.append(type);
    const nb::object rows = unknown.rows.is_valid() ? unknown.rows : nb::none();
    const nb::object error =
        nb::borrow(imported().types_unknown)(types, rows, nb::str(unknown.why.c_str(), unknown.why.size()));
    PyErr_SetObject(imported().types_unknown, error.ptr());
  } catch (const Undumped& failed) {
    try {
      failed.raise();
    } catch (nb::python_error& error) {
      error.restore();
    }
  }
}

int traverse_types(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  const TypesNow now = nb::inst_ptr<Types>(self)->now();
  return now ? now->traverse(visit, arg) : 0;
}

PyType_Slot types_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_types)}, {0, nullptr}};

}  // namespace

void bind_types(nb::module_& module) {
  module.def("type_name", [](Oid type) { return type_name(type); });
  module.def("array_of", [](Oid element) { return array_of(element); });
  module.def("builtin_types", [] {
    static PyObject* const types = [] {  // never destroyed: the interpreter may be gone by then
      nb::dict names;
      constexpr Oid last = 6200;  // of those that have a name here (src/codec/oid.cpp)
      for (Oid type = 1; type < last; ++type)
        if (const std::string name = type_name(type); array_of(type) != 0) names[name.c_str()] = type;
      return names.release().ptr();
    }();
    return nb::borrow(types);
  });
  nb::register_exception_translator(translate_unknown);
  nb::class_<Types>(module, "Types", nb::is_weak_referenceable(), nb::type_slots(types_slots))
      .def(nb::init<>())
      .def_prop_rw("_stale", &Types::stale, &Types::set_stale)
      .def(
          "_set",
          [](Types& self, const nb::dict& readers, const nb::dict& dumpers, const nb::iterable& plain,
             nb::handle json_dumps, bool infinite_as_max, bool looks_up) {
            self.set(std::make_shared<const TypeMap>(self.flag(), readers, dumpers, plain, json_dumps,
                                                     infinite_as_max, looks_up));
          },
          nb::arg(), nb::arg(), nb::arg(), bind::any, nb::arg(), nb::arg());
  nb::class_<Unread>(module, "Unread").def("_read", &Unread::read, bind::inside);
}

}  // namespace copg::python
