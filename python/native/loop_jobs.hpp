// What a call of asyncio keeps of its arguments until it is sent, for the pool and its leases. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/calls/jobs.hpp"
#include "python/native/explain.hpp"
#include "python/native/parameter_rows.hpp"
#include "python/native/pipeline.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/statement.hpp"
#include "python/native/types.hpp"
#include "python/native/unread.hpp"

namespace copg::python {

namespace nb = nanobind;

[[noreturn]] inline void rethrow_in_words_of(nb::handle sql, PyObject* params, std::exception_ptr failure) {
  in_words_of(sql.ptr(), params, [&] { std::rethrow_exception(std::move(failure)); });
  std::terminate();  // it has thrown
}

struct KeptStatement {
  nb::object sql;  // keeps the text
  nb::object params;
  std::unique_ptr<const Statement> statement;

  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    rethrow_in_words_of(sql, params.ptr(), std::move(failure));
  }
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(params.ptr());
    return 0;
  }

  [[nodiscard]] engine::ExecuteJob job() const { return {statement->text(), statement->params()}; }
};

struct KeptRows {
  nb::object sql;
  std::shared_ptr<const KnownText> text;
  std::shared_ptr<ParameterRows> rows;
  pq::JoinableTexts* joinable = nullptr;  // of the pool
  std::int64_t rows_before = 0;           // of the same call, sent by others

  [[nodiscard]] engine::ExecuteManyJob job() const { return {text->text.sql, *rows, joinable, rows_before}; }
  static nb::object give(std::int64_t affected_rows) { return nb::int_(affected_rows); }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    rethrow_in_words_of(sql, nullptr, std::move(failure));
  }
  int traverse(visitproc visit, void* arg) const { return rows->traverse(visit, arg); }
};

/// The same, for the rows that the statements return.
struct KeptReturning {
  KeptRows rows;
  RowKind kind;
  nb::object types;  // a Types
  std::unique_ptr<pq::ReturnedRows> returned = std::make_unique<pq::ReturnedRows>();

  [[nodiscard]] engine::ReturningJob job() const { return {rows.job(), *returned}; }
  [[nodiscard]] nb::object give(std::vector<Result> results) const {
    const TypesNow now = nb::cast<Types&>(types).now();
    auto made = std::make_shared<std::vector<ResultRows>>(rows_of_results(std::move(results), now));
    if (const auto unknown = unknown_types_of(*made); !unknown.empty()) [[unlikely]]
      throw_unread(unknown, [made, wanted = kind, known = types] {
        for (ResultRows& it : *made) it.set_types(nb::cast<Types&>(known).now());
        return list_of_rows(*made, wanted);
      });
    return list_of_rows(*made, kind);
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    rows.throw_failure(std::move(failure));
  }
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(types.ptr());
    if (const int stop = kind.traverse(visit, arg)) return stop;
    return rows.traverse(visit, arg);
  }
};

/// TypesUnknown if names are to be looked up before anything is sent.
inline void require_known(const Types& types) {
  if (types.stale()) [[unlikely]]
    throw TypesUnknown{};
}

/// What `make` returns, which takes parameters. Throws TypesUnknown, also for one whose type is missing.
template <class Make>
auto with_known(const Types& types, Make make) {
  require_known(types);
  try {
    return make();
  } catch (const Undumped& failed) {
    if (!failed.missing) throw;
    throw TypesUnknown{{}, {}, failed.what};
  }
}

/// Throws TypesUnknown.
inline KeptStatement statement_of(nb::handle sql, nb::handle params, const Types& types) {
  return with_known(types, [&] {
    return KeptStatement{nb::borrow(sql), nb::borrow(params),
                         std::make_unique<const Statement>(sql.ptr(), params.ptr(), types.now().get())};
  });
}

/// Throws TypesUnknown.
inline GivenPipeline pipeline_of_task(nb::handle statements, const Types& types,
                                      const SourceLocation& where) {
  return with_known(types, [&] { return pipeline_of(list_of_statements(statements), types.now(), where); });
}

/// Nothing: there are no rows. Throws TypesUnknown.
inline std::optional<KeptRows> rows_of(nb::handle sql, nb::handle rows, pq::JoinableTexts* joinable,
                                       const Types& types) {
  require_known(types);
  auto text = known_text(sql.ptr());
  auto source = std::make_shared<ParameterRows>(text, rows, types.now());
  if (source->empty()) return std::nullopt;
  return KeptRows{nb::borrow(sql), std::move(text), std::move(source), joinable};
}

}  // namespace copg::python
