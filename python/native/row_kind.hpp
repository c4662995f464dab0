// What a row becomes, as `row=` and `row_factory=` say. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace copg::python {

namespace nb = nanobind;

/// What is known of a class or function that takes rows: found out once (pycopg/rows.py).
struct RowTarget {
  enum class How : std::uint8_t {
    dict,
    fields,       ///< An object is made, and its attributes set.
    named_tuple,  ///< A tuple of this class is made.
    keywords,     ///< It is called, with the columns by name,
    in_order,     ///< or in their order.
    refused,      ///< No row becomes one.
  };
  enum class Without : std::uint8_t {  ///< What a field is without a column.
    refused,
    fallback,  ///< The value of that name; where the target is called, it has one itself.
    made,      ///< What a call of `fallback` returns.
  };
  struct Field {
    nb::object name;  // interned
    Without without;
    nb::object fallback;
  };
  How how;
  bool open;  ///< Judges itself which names it takes.
  std::vector<Field> fields;
};

class RowKind {
 public:
  enum class Form : std::uint8_t { dict, tuple, scalar, named_tuple, target };

  /// Dictionaries.
  RowKind() = default;
  /// ValueError that names the argument unless rows can become it.
  RowKind(nb::handle given, const char* argument);

  [[nodiscard]] Form form() const noexcept { return form_; }
  /// It needs no look at the columns.
  [[nodiscard]] bool is_plain() const noexcept { return form_ == Form::dict || form_ == Form::tuple; }
  /// Form::target.
  [[nodiscard]] const std::shared_ptr<const RowTarget>& target() const noexcept { return target_; }
  /// What was given.
  [[nodiscard]] nb::object given() const;
  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(given_.ptr());
    return 0;
  }

 private:
  Form form_ = Form::dict;
  nb::object given_;  // none for dict and tuple
  std::shared_ptr<const RowTarget> target_;
};

/// The class for Form::named_tuple. `names`: a tuple of str.
nb::object named_tuple_of(const nb::object& names);

void bind_row_kinds(nb::module_& module);

}  // namespace copg::python
