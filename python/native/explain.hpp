// An error of a statement told in terms of the text and the values that Python gave: the placeholders as they
// were written, the place in that text, and what to write instead. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <utility>

namespace copg::python {

/// Throws the error so. `sql`: as it was given. `params`: as they were given, None, or nullptr: rows of them.
[[noreturn, gnu::cold]] void throw_explained(const Error& error, PyObject* sql, PyObject* params);

/// Calls it, and throws its errors so.
template <class Call>
decltype(auto) in_words_of(PyObject* sql, PyObject* params, Call call) {
  try {
    return call();
  } catch (const Error& error) {
    throw_explained(error, sql, params);
  }
}

}  // namespace copg::python
