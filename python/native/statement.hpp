// What Python gives to execute, as copg takes it: the text with PostgreSQL's placeholders, and the parameters
// in their order. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/params.hpp>

#include <memory>
#include <string_view>
#include <vector>

#include "python/native/placeholders.hpp"

namespace copg::python {

namespace nb = nanobind;

/// A text seen with parameters, rewritten. Shared with calls that are under way while it leaves the cache.
struct KnownText {
  RewrittenText text;
  std::vector<nb::object> names;  ///< Of named placeholders, as keys.
};

/// The rewritten form of a Python string: from the cache of those used last, or made now.
/// Throws ProgrammingMistake; TypeError if it is no str.
std::shared_ptr<const KnownText> known_text(PyObject* sql);

/// The SQL text of a call without parameters: untouched.
std::string_view plain_text(PyObject* sql);

/// The parameters of one execution, from a sequence or a mapping, appended to `out`. `floors`: see
/// add_parameter; for each position, or empty. Throws ProgrammingMistake for a wrong number or a missing
/// name.
void add_parameters(const KnownText& text, PyObject* params, Params& out,
                    const std::vector<Oid>& floors = {});

/// One statement with its parameters.
class Statement {
 public:
  /// `params`: None, a sequence or a mapping. `sql` must outlive it.
  Statement(PyObject* sql, PyObject* params);
  [[nodiscard]] std::string_view text() const noexcept { return known_ ? known_->text.sql : plain_; }
  [[nodiscard]] const Params& params() const noexcept { return params_; }

 private:
  std::shared_ptr<const KnownText> known_;
  std::string_view plain_;
  Params params_;
};

}  // namespace copg::python
