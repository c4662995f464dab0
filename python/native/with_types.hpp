// A statement of a thread whose parameters or rows have types that may have to be looked up. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <utility>
#include <vector>

#include "python/native/result_rows.hpp"
#include "python/native/types.hpp"

namespace copg::python {

namespace nb = nanobind;

inline nb::list list_of_types(const std::vector<Oid>& types) {
  nb::list list;
  for (const Oid type : types) list.append(type);
  return list;
}

/// `run(types)` executes the statement. Again if the database was not known to have the type of a parameter,
/// or lacks one that it had, which each connection finds out for its own prepared statement, and
/// `repeatable()`: nothing is left of the time before. `look_up(types)` returns what is known afterwards.
template <class Run, class LookUp, class Repeatable>
ResultRows with_types(TypesNow types, const Run& run, const LookUp& look_up, const Repeatable& repeatable) {
  constexpr int most_attempts = 4;
  for (int attempt = 1;; ++attempt) {
    try {
      ResultRows rows = run(types);
      if (const auto unknown = rows.unknown_types(); !unknown.empty()) rows.set_types(look_up(unknown));
      return rows;
    } catch (const Undumped& failed) {
      if (attempt > 1 || !failed.missing) throw;
    } catch (const Error& error) {
      if (!tells_lost_type(error, types.get())) throw;
      types->outdate();
      if (attempt == most_attempts || !repeatable()) throw;
    }
    types = look_up({});
  }
}
template <class Run, class LookUp>
ResultRows with_types(TypesNow types, const Run& run, const LookUp& look_up) {
  return with_types(std::move(types), run, look_up, [] { return true; });
}

}  // namespace copg::python
