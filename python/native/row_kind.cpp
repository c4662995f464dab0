// Classes are asked once what they take, and forgotten when they die.
#include "python/native/row_kind.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <fmt/format.h>

#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace copg::python {
namespace {

/// As the package has set them: references that live as long as the process.
struct RowFunctions {
  PyObject* scalar;
  PyObject* named_tuple;
  PyObject* described;
  PyObject* named;
};
RowFunctions row_functions{};

RowTarget describe(nb::handle target) {
  const auto [how, open, fields] =
      nb::cast<std::tuple<int, bool, nb::list>>(nb::borrow(row_functions.described)(target));
  RowTarget result{static_cast<RowTarget::How>(how), open, {}};
  for (const nb::handle field : fields) {
    PyObject* name = nb::object(field[0]).release().ptr();
    PyUnicode_InternInPlace(&name);
    result.fields.push_back(
        {nb::steal(name), static_cast<RowTarget::Without>(nb::cast<int>(field[1])), nb::object(field[2])});
  }
  return result;
}

/// By the object itself, which is not kept alive.
class Targets {
 public:
  std::shared_ptr<const RowTarget> get(nb::handle given) {
    PyObject* const key = given.ptr();
    {
      const nb::ft_lock_guard lock(mutex_);
      if (const auto found = known_.find(key); found != known_.end()) return found->second.target;
    }
    auto target = std::make_shared<const RowTarget>(describe(given));
    const nb::object forget = nb::cpp_function([this, key](nb::handle /*reference*/) { this->forget(key); });
    nb::object reference = nb::steal(PyWeakref_NewRef(key, forget.ptr()));
    if (!reference.is_valid()) {  // of an object that has none: asked each time
      PyErr_Clear();
      return target;
    }
    const nb::ft_lock_guard lock(mutex_);
    known_.try_emplace(key, Entry{target, std::move(reference)});
    return target;
  }

 private:
  struct Entry {
    std::shared_ptr<const RowTarget> target;
    nb::object reference;  // calls when the object dies
  };
  using Known = std::unordered_map<PyObject*, Entry>;

  void forget(PyObject* key) {
    Known::node_type forgotten;  // dies after the lock is gone
    const nb::ft_lock_guard lock(mutex_);
    forgotten = known_.extract(key);
  }

  nb::ft_mutex mutex_;
  Known known_;
};

/// Never destroyed: the interpreter may be gone by then.
Targets& targets() {
  static auto* const instance = new Targets;
  return *instance;
}

[[noreturn]] void refuse(nb::handle given, const char* argument) {
  const auto shown = nb::cast<std::string>(nb::repr(given));
  throw nb::value_error(
      fmt::format("{} = {}: it must be dict, tuple, or a class or function that takes the columns by name",
                  argument, shown)
          .c_str());
}

}  // namespace

RowKind::RowKind(nb::handle given, const char* argument) {
  PyObject* const object = given.ptr();
  if (object == reinterpret_cast<PyObject*>(&PyDict_Type)) return;
  if (object == reinterpret_cast<PyObject*>(&PyTuple_Type)) {
    form_ = Form::tuple;
    return;
  }
  if (PyCallable_Check(object) == 0) refuse(given, argument);
  given_ = nb::borrow(given);
  if (object == row_functions.scalar) {
    form_ = Form::scalar;
  } else if (object == row_functions.named_tuple) {
    form_ = Form::named_tuple;
  } else {
    form_ = Form::target;
    target_ = targets().get(given);
    if (target_->how == RowTarget::How::dict) form_ = Form::dict;
    if (target_->how == RowTarget::How::refused) refuse(given, argument);
  }
}

nb::object RowKind::given() const {
  if (given_.is_valid()) return given_;
  return nb::borrow(reinterpret_cast<PyObject*>(form_ == Form::dict ? &PyDict_Type : &PyTuple_Type));
}

nb::object named_tuple_of(const nb::object& names) { return nb::borrow(row_functions.named)(names); }

void bind_row_kinds(nb::module_& module) {
  module.def("set_row_kinds",
             [](nb::object scalar, nb::object named_tuple, nb::object described, nb::object named) {
               row_functions = {scalar.release().ptr(), named_tuple.release().ptr(),
                                described.release().ptr(), named.release().ptr()};
             });
}

}  // namespace copg::python
