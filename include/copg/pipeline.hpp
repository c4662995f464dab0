// Several statements that are sent in one flush.
#pragma once

#include <copg/params.hpp>
#include <copg/pipeline_answer.hpp>
#include <copg/source_location.hpp>
#include <copg/sql.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// The statements for execute_all(pipeline) and execute(pipeline) of a pool or a connection, with copies of
/// texts and parameters. Copyable, movable. May be executed any number of times. Not thread-safe.
class Pipeline {
 public:
  struct Statement {
    std::string sql;
    Params params;
  };

  /// Appends one statement. Throws DataError if a parameter can't be sent, and appends nothing then.
  Pipeline& add(const Sql& sql, Params params) {
    if (statements_.empty()) where_ = sql.where();
    statements_.push_back({std::string(sql.text()), std::move(params)});
    return *this;
  }
  template <Encodable... Args>
  Pipeline& add(const Sql& sql, const Args&... args) {
    return add(sql, params(args...));
  }

  [[nodiscard]] bool empty() const noexcept { return statements_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return statements_.size(); }
  [[nodiscard]] std::span<const Statement> statements() const noexcept { return statements_; }
  /// Where the first statement was added, to be named while its connection is leased.
  [[nodiscard]] const SourceLocation& where() const noexcept { return where_; }

 private:
  SourceLocation where_;
  std::vector<Statement> statements_;
};

}  // namespace copg
#pragma GCC visibility pop
