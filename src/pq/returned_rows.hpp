// The rows that the statements of an execute_many return, in the order of its rows of parameters.
//
// libpq makes a PGresult for each statement, of 2 KiB at least. Their values are copied into one for all
// whose columns are alike; the types of a column may follow those of the parameters.
#pragma once

#include <copg/result.hpp>

#include <vector>

#include "pq/gathered_rows.hpp"

namespace copg::pq {

class ReturnedRows {
 public:
  /// Adds the rows of one statement; nothing if it is of a kind that returns none. Throws std::bad_alloc.
  void add(const PGresult* result);
  /// The rows so far, once: usually one Result, one more wherever the types of columns change.
  [[nodiscard]] std::vector<Result> take(detail::Effect effect);

 private:
  std::vector<GatheredRows> gathered_;
};

}  // namespace copg::pq
