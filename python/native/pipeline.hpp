// What execute_all of Python is given and gives: statements with their parameters, and an answer for each.
// Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/error.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_options.hpp>
#include <copg/result.hpp>
#include <copg/source_location.hpp>

#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "python/native/result_rows.hpp"
#include "python/native/row_kind.hpp"
#include "python/native/types.hpp"
#include "python/native/unread.hpp"

namespace copg::python {

namespace nb = nanobind;

/// pycopg._native.Answer: the result of one statement, whose rows are made when they are asked for.
class Answer {
 public:
  Answer(ResultRows rows, RowKind kind) : result_(std::move(rows)), kind_(std::move(kind)) {}

  /// A list, made once.
  [[nodiscard]] nb::object rows();
  [[nodiscard]] nb::object first() const { return result_.first(kind_); }
  [[nodiscard]] nb::object value() const { return result_.value(); }
  [[nodiscard]] const ResultRows& result() const noexcept { return result_; }
  void set_types(TypesNow types) { result_.set_types(std::move(types)); }
  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(made_.ptr());
    return kind_.traverse(visit, arg);
  }

 private:
  ResultRows result_;
  const RowKind kind_;
  nb::object made_;
};

/// The statements as they were given, for the words of errors.
class GivenStatements {
 public:
  /// `types`: of the program's own, with which the statements are sent and their rows read; null: none.
  explicit GivenStatements(TypesNow types) : types_(std::move(types)) {}
  [[nodiscard]] const TypesNow& types() const noexcept { return types_; }
  void add(nb::handle sql, nb::handle params) { given_.push_back({nb::borrow(sql), nb::borrow(params)}); }
  /// Throws the error in terms of its statement.
  [[noreturn]] void throw_explained(const Error& error) const;
  /// The exception of Python's that is the answer to that statement.
  [[nodiscard]] nb::object exception(std::size_t index, const std::exception_ptr& error) const;
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Given {
    nb::object sql;
    nb::object params;
  };
  /// An error may tell that one of them is gone.
  void note_lost_type(const Error& error) const;

  const TypesNow types_;
  std::vector<Given> given_;
};

/// A list; TypeError for one statement in place of several.
[[nodiscard]] nb::object list_of_statements(nb::handle statements);

struct GivenPipeline {
  Pipeline pipeline;
  std::shared_ptr<GivenStatements> given;
};

/// `statements`: an iterable of SQL, or of tuples or lists of SQL and its parameters. Throws what iterating
/// raises, TypeError, and, with the index of the statement, ProgrammingMistake, DataError and Undumped.
[[nodiscard]] GivenPipeline pipeline_of(nb::handle statements, TypesNow types, const SourceLocation& where);
/// The same for a thread. `look_up(types)` returns what is known of types afterwards.
template <class LookUp>
GivenPipeline pipeline_of(nb::handle statements, const Types& types, const SourceLocation& where,
                          const LookUp& look_up) {
  const nb::object kept = list_of_statements(statements);
  if (types.stale()) [[unlikely]]
    static_cast<void>(look_up({}));
  try {
    return pipeline_of(kept, types.now(), where);
  } catch (const Undumped& failed) {
    if (!failed.missing) throw;
  }
  return pipeline_of(kept, look_up({}), where);
}

/// A list of Answers.
[[nodiscard]] nb::list answers_of(std::vector<Result> results, const GivenStatements& given,
                                  const RowKind& kind, const PoolOptions& options);
/// A list of Answers, and of exceptions for the statements that have failed.
[[nodiscard]] nb::list answers_of(const std::vector<PipelineAnswer>& answers, const GivenStatements& given,
                                  const RowKind& kind, const PoolOptions& options);

/// Of the rows of Answers, those that should be looked up before values are read.
[[nodiscard]] std::vector<Oid> unknown_types_in(const nb::list& answers);
/// From now on the rows are read so.
void set_types_in(const nb::list& answers, const TypesNow& types);

/// Calls it, and throws its errors in terms of their statement.
template <class Call>
decltype(auto) in_words_of(const GivenStatements& given, Call call) {
  try {
    return call();
  } catch (const Error& error) {
    given.throw_explained(error);
  }
}

/// A pipeline on its way, for asyncio. `Kept`: engine::KeptAll or engine::KeptPipeline.
template <class Kept>
struct PipelineOnItsWay {
  Kept kept;
  std::shared_ptr<const GivenStatements> given;
  RowKind kind;
  const PoolOptions* options;
  nb::object types;  // a Types

  [[nodiscard]] auto job() const { return kept.job(); }
  template <class Answers>
  [[nodiscard]] nb::object give(Answers answers) const {
    nb::list made = answers_of(std::move(answers), *given, kind, *options);
    if (const auto unknown = unknown_types_in(made); !unknown.empty()) [[unlikely]]
      throw_unread(unknown, [made, known = types] {
        set_types_in(made, nb::cast<Types&>(known).now());
        return nb::object(made);
      });
    return made;
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    in_words_of(*given, [&] { std::rethrow_exception(std::move(failure)); });
    std::terminate();  // it has thrown
  }
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(types.ptr());
    if (const int stop = kind.traverse(visit, arg)) return stop;
    return given->traverse(visit, arg);
  }
};

void bind_pipeline(nb::module_& module);

}  // namespace copg::python
