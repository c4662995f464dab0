// The loaders of types that the program has registered. What they are given of Python's they don't keep
// alive.
#pragma once

#include <Python.h>

#include <memory>
#include <vector>

#include "python/native/decode.hpp"

namespace copg::python {

/// `members`: a dictionary, by label. `type`: the enumeration.
std::unique_ptr<Loader> enum_loader(PyObject* members, PyObject* type);
/// `make`: called with the values of the fields. `names`: of its arguments, a tuple; None: in their order.
std::unique_ptr<Loader> composite_loader(PyObject* make, PyObject* names, std::vector<CellReader> fields);
std::unique_ptr<Loader> array_loader(const CellReader& element, char delimiter);
std::unique_ptr<Loader> range_loader(const CellReader& bound);
std::unique_ptr<Loader> multirange_loader(const CellReader& bound);
/// `type`: a class of dictionaries.
std::unique_ptr<Loader> hstore_loader(PyObject* type);
/// `loads`: called with the text.
std::unique_ptr<Loader> calling_loader(PyObject* loads);

}  // namespace copg::python
