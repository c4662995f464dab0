#include "python/native/loaders.hpp"

#include <nanobind/nanobind.h>

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>

#include "python/native/imported.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

nb::object str_of(std::string_view text) { return nb::steal(decoder_for(oid::text)(text, oid::text)); }

class EnumLoader final : public Loader {
 public:
  EnumLoader(PyObject* members, PyObject* type) : members_(members), type_(type) {}
  [[nodiscard]] PyObject* load(std::string_view text) const override {
    const nb::object label = str_of(text);
    if (!label.is_valid()) return nullptr;
    PyObject* const member = PyDict_GetItemWithError(members_, label.ptr());
    if (member != nullptr) {
      Py_INCREF(member);
    } else if (PyErr_Occurred() == nullptr) {
      const std::string what =
          fmt::format("{} has no member for the label", reinterpret_cast<PyTypeObject*>(type_)->tp_name);
      return set_data_error(what.c_str(), text);
    }
    return member;
  }

 private:
  PyObject* const members_;
  PyObject* const type_;
};

class CompositeLoader final : public Loader {
 public:
  CompositeLoader(PyObject* make, PyObject* names, std::vector<CellReader> fields)
      : make_(make), names_(names == Py_None ? nullptr : names), fields_(std::move(fields)) {}
  /// Reads "(1,"a ""b""",)".
  [[nodiscard]] PyObject* load(std::string_view text) const override {
    if (text.size() < 2 || text.front() != '(' || text.back() != ')')
      return set_data_error("not a composite value", text);
    std::vector<nb::object> values;
    std::string part;
    std::size_t at = 1;
    if (!fields_.empty() || text.size() > 2) {
      while (at < text.size()) {
        const bool present = take_part(text, at, ',', ')', part);
        if (values.size() == fields_.size()) return reject(text);
        nb::object value = present ? nb::steal(fields_[values.size()](part)) : nb::none();
        if (!value.is_valid()) return nullptr;
        values.push_back(std::move(value));
      }
    }
    if (values.size() != fields_.size()) return reject(text);
    return made(values);
  }

 private:
  [[nodiscard]] PyObject* reject(std::string_view text) const {
    const std::string what =
        fmt::format("the type has no longer {} fields, as when it was looked up", fields_.size());
    return set_data_error(what.c_str(), text);
  }
  [[nodiscard]] PyObject* made(const std::vector<nb::object>& values) const {
    if (make_ == reinterpret_cast<PyObject*>(&PyTuple_Type)) {
      PyObject* const tuple = PyTuple_New(static_cast<Py_ssize_t>(values.size()));
      for (std::size_t i = 0; tuple != nullptr && i < values.size(); ++i)
        PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), nb::object(values[i]).release().ptr());
      return tuple;
    }
    std::vector<PyObject*> arguments{nullptr};  // a place that the callee may use
    for (const nb::object& value : values) arguments.push_back(value.ptr());
    return PyObject_Vectorcall(make_, arguments.data() + 1,
                               (names_ == nullptr ? values.size() : 0) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                               names_);
  }

  PyObject* const make_;
  PyObject* const names_;
  const std::vector<CellReader> fields_;
};

class ArrayLoader final : public Loader {
 public:
  ArrayLoader(const CellReader& element, char delimiter) : element_(element), delimiter_(delimiter) {}
  [[nodiscard]] PyObject* load(std::string_view text) const override {
    return read_array(text, element_, delimiter_);
  }

 private:
  const CellReader element_;
  const char delimiter_;
};

template <PyObject* (*read)(std::string_view, const CellReader&)>
class BoundsLoader final : public Loader {
 public:
  explicit BoundsLoader(const CellReader& bound) : bound_(bound) {}
  [[nodiscard]] PyObject* load(std::string_view text) const override { return read(text, bound_); }

 private:
  const CellReader bound_;
};

class HstoreLoader final : public Loader {
 public:
  explicit HstoreLoader(PyObject* type) : type_(type) {}
  /// Reads `"a"=>"1", "b"=>NULL`, in which a backslash takes the next character as it is.
  [[nodiscard]] PyObject* load(std::string_view text) const override {
    nb::object result = nb::steal(PyObject_CallNoArgs(type_));
    if (!result.is_valid()) return nullptr;
    std::size_t at = 0;
    std::string part;
    const auto take_string = [&] {
      if (at >= text.size() || text[at] != '"') return false;
      part.clear();
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        part += text[at];
      }
      return at++ < text.size();
    };
    const auto take = [&](std::string_view word) {
      if (!text.substr(at).starts_with(word)) return false;
      at += word.size();
      return true;
    };
    while (at < text.size()) {
      if (!take_string()) return set_data_error("not an hstore", text);
      const nb::object key = str_of(part);
      if (!take("=>")) return set_data_error("not an hstore", text);
      nb::object value = nb::none();
      if (!take("NULL")) {
        if (!take_string()) return set_data_error("not an hstore", text);
        value = str_of(part);
      }
      if (!key.is_valid() || !value.is_valid() || PyDict_SetItem(result.ptr(), key.ptr(), value.ptr()) != 0)
        return nullptr;
      if (at < text.size() && !take(", ")) return set_data_error("not an hstore", text);
    }
    return result.release().ptr();
  }

 private:
  PyObject* const type_;
};

class CallingLoader final : public Loader {
 public:
  explicit CallingLoader(PyObject* loads) : loads_(loads) {}
  [[nodiscard]] PyObject* load(std::string_view text) const override {
    const nb::object argument = str_of(text);
    return argument.is_valid() ? PyObject_CallOneArg(loads_, argument.ptr()) : nullptr;
  }

 private:
  PyObject* const loads_;
};

}  // namespace

std::unique_ptr<Loader> enum_loader(PyObject* members, PyObject* type) {
  return std::make_unique<EnumLoader>(members, type);
}
std::unique_ptr<Loader> composite_loader(PyObject* make, PyObject* names, std::vector<CellReader> fields) {
  return std::make_unique<CompositeLoader>(make, names, std::move(fields));
}
std::unique_ptr<Loader> array_loader(const CellReader& element, char delimiter) {
  return std::make_unique<ArrayLoader>(element, delimiter);
}
std::unique_ptr<Loader> range_loader(const CellReader& bound) {
  return std::make_unique<BoundsLoader<read_range>>(bound);
}
std::unique_ptr<Loader> multirange_loader(const CellReader& bound) {
  return std::make_unique<BoundsLoader<read_multirange>>(bound);
}
std::unique_ptr<Loader> hstore_loader(PyObject* type) { return std::make_unique<HstoreLoader>(type); }
std::unique_ptr<Loader> calling_loader(PyObject* loads) { return std::make_unique<CallingLoader>(loads); }

}  // namespace copg::python
