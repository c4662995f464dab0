// What Python gives to execute, as copg takes it: the text with PostgreSQL's placeholders, and the parameters
// in their order. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/params.hpp>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "python/native/placeholders.hpp"

namespace copg::python {

namespace nb = nanobind;

class TypeMap;

/// A text seen with parameters, rewritten. Shared with calls that are under way while it leaves the cache.
struct KnownText {
  RewrittenText text;
  std::vector<nb::object> names;  ///< Of named placeholders, as keys.
};

/// What a verb was given as SQL and its parameters, once the text is a str. Made of a pycopg.sql.Composable
/// or a template string, which are put together for it.
struct Composed {
  nb::object sql;
  nb::object params;
};
/// `sql` is no str. Throws TypeError, and whatever putting it together raises.
[[nodiscard, gnu::cold]] Composed composed(PyObject* sql, PyObject* params);
/// As set by the package.
void set_composer(nb::object function);

/// The rewritten form of a Python string, or of what is put together for rows of parameters: from the cache
/// of those used last, or made now. Throws ProgrammingMistake; TypeError if it is no str.
std::shared_ptr<const KnownText> known_text(PyObject* sql);

/// The SQL text of a call without parameters: untouched. `sql` must be a str.
std::string_view plain_text(PyObject* sql);

/// The parameters of one execution, from a sequence or a mapping, appended to `out`. `types`: see
/// add_parameter. `floors`: likewise; for each position, or empty. Throws ProgrammingMistake for a wrong
/// number or a missing name, Undumped.
void add_parameters(const KnownText& text, PyObject* params, Params& out, const TypeMap* types,
                    const std::vector<Oid>& floors = {});

/// One statement with its parameters.
class Statement {
 public:
  /// `sql`: see Composed. `params`: None, a sequence or a mapping. Both must outlive it. Throws Undumped.
  Statement(PyObject* sql, PyObject* params, const TypeMap* types);
  [[nodiscard]] std::string_view text() const noexcept { return known_ ? known_->text.sql : plain_; }
  [[nodiscard]] const Params& params() const noexcept { return params_; }
  [[nodiscard]] Params take_params() noexcept { return std::move(params_); }

 private:
  void read(PyObject* sql, PyObject* params, const TypeMap* types);

  nb::object composed_;  // the text, where it is none that the caller keeps
  std::shared_ptr<const KnownText> known_;
  std::string_view plain_;
  Params params_;
};

}  // namespace copg::python
