// Where execute_many takes its rows from, one at a time.
#pragma once

#include <copg/params.hpp>

#pragma GCC visibility push(default)
namespace copg {

/// Gives the parameters of one execution after another. What `next` throws ends the call, rolls it back, and
/// reaches the caller of execute_many.
class RowSource {
 public:
  RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  virtual ~RowSource() = default;

  /// Fills `row`, which is empty. False, with `row` untouched: there are no more.
  virtual bool next(Params& row) = 0;
};

}  // namespace copg
#pragma GCC visibility pop
