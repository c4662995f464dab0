// Where execute_many takes its rows from, one at a time.
#pragma once

#include <copg/params.hpp>

#pragma GCC visibility push(default)
namespace copg {

/// Gives the rows of parameters, one after the other. An exception of `next` ends execute_many, rolls it
/// back, and reaches its caller.
class RowSource {
 public:
  RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  virtual ~RowSource() = default;

  /// Fills `row`, which is empty. Returns false, and leaves `row` untouched, if there are no more rows.
  virtual bool next(Params& row) = 0;
};

}  // namespace copg
#pragma GCC visibility pop
