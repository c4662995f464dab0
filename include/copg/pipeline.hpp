// Several statements that travel together.
#pragma once

#include <copg/params.hpp>
#include <copg/result.hpp>
#include <copg/sql.hpp>

#include <boost/system/result.hpp>

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// What has become of one statement of a pipeline: its Result, or its error. True if it is a result;
/// `value()` is it, or throws the error; `error()` is the std::exception_ptr.
using PipelineAnswer = boost::system::result<Result, std::exception_ptr>;

/// Statements for one flush: Connection::execute(pipeline). Holds copies of texts and parameters. Copyable,
/// movable, may be executed any number of times. Not thread-safe.
class Pipeline {
 public:
  struct Statement {
    std::string sql;
    Params params;
  };

  /// Appends one statement. DataError if a parameter can't be sent; nothing is appended then.
  Pipeline& add(const Sql& sql, Params params) {
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

 private:
  std::vector<Statement> statements_;
};

}  // namespace copg
#pragma GCC visibility pop
