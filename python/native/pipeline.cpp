#include "python/native/pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "python/native/binding.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/errors.hpp"
#include "python/native/explain.hpp"
#include "python/native/notify.hpp"
#include "python/native/parameter_rows.hpp"
#include "python/native/statement.hpp"

namespace copg::python {

nb::object Answer::rows() {
  if (!made_.is_valid()) made_ = result_.fetch(0, result_.size(), kind_);
  return made_;
}

void GivenStatements::note_lost_type(const Error& error) const {
  if (tells_lost_type(error, types_.get())) types_->outdate();
}

void GivenStatements::throw_explained(const Error& error) const {
  note_lost_type(error);
  const auto index = static_cast<std::size_t>(error.info().statement_index);  // -1 is none of them
  if (index >= given_.size()) throw;
  python::throw_explained(error, given_[index].sql.ptr(), given_[index].params.ptr());
}

nb::object GivenStatements::exception(std::size_t index, const std::exception_ptr& error) const {
  const Given& given = given_[index];
  try {
    in_words_of(given.sql.ptr(), given.params.ptr(), [&] { std::rethrow_exception(error); });
  } catch (const Error& explained) {
    note_lost_type(explained);
    return exception_of(explained);
  }
  return nb::none();
}

int GivenStatements::traverse(visitproc visit, void* arg) const {
  for (const Given& given : given_) {
    Py_VISIT(given.sql.ptr());
    Py_VISIT(given.params.ptr());
  }
  return 0;
}

namespace {

/// Adds one statement, whose index stands in the errors of what can't be sent.
void add_to(GivenPipeline& to, nb::handle sql, nb::handle params, const SourceLocation& where) {
  const std::size_t index = to.pipeline.size();
  try {
    Statement statement(sql.ptr(), params.ptr(), to.given->types().get());
    to.pipeline.add(Sql(statement.text(), where), statement.take_params());
    to.given->add(sql, params);
  } catch (const ProgrammingMistake& mistake) {
    throw ProgrammingMistake(fmt::format("statement {}: {}", index, mistake.what()));
  } catch (const DataError& error) {
    ErrorInfo info = error.info();
    info.statement_index = static_cast<std::int64_t>(index);
    throw DataError(std::move(info));
  } catch (Undumped& failed) {
    failed.what = fmt::format("statement {}: {}", index, failed.what);
    throw;
  } catch (nb::python_error& raised) {
    if (!raised.matches(PyExc_TypeError)) throw;
    const std::string text = fmt::format("statement {}: {}", index, nb::str(raised.value()).c_str());
    nb::raise_from(raised, PyExc_TypeError, "%s", text.c_str());
    throw nb::python_error();
  }
}

}  // namespace

nb::object list_of_statements(nb::handle statements) {
  if (PyUnicode_Check(statements.ptr()))
    throw nb::type_error("execute_all takes an iterable of statements, not one: execute takes one");
  nb::object list = nb::steal(PySequence_List(iterator_of(statements).ptr()));
  if (!list.is_valid()) throw nb::python_error();
  return list;
}

GivenPipeline pipeline_of(nb::handle statements, TypesNow types, const SourceLocation& where) {
  GivenPipeline made{.pipeline = {}, .given = std::make_shared<GivenStatements>(std::move(types))};
  const nb::object iterator = iterator_of(statements);
  for (;;) {
    const nb::object item = nb::steal(PyIter_Next(iterator.ptr()));
    if (!item.is_valid()) break;
    if (!PyTuple_Check(item.ptr()) && !PyList_Check(item.ptr())) {
      add_to(made, item, nb::none(), where);
      continue;
    }
    const Py_ssize_t size = PySequence_Size(item.ptr());
    if (size != 1 && size != 2)
      throw nb::type_error(
          fmt::format("statement {}: it must be SQL, or a tuple of SQL and its parameters, not of {} items",
                      made.pipeline.size(), size)
              .c_str());
    const nb::object sql = nb::steal(PySequence_GetItem(item.ptr(), 0));
    const nb::object params = size == 2 ? nb::steal(PySequence_GetItem(item.ptr(), 1)) : nb::none();
    if (!sql.is_valid() || !params.is_valid()) throw nb::python_error();
    add_to(made, sql, params, where);
  }
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  return made;
}

namespace {

nb::object answer_of(Result result, const GivenStatements& given, const RowKind& kind,
                     const PoolOptions& options) {
  return nb::cast(new Answer(answered_rows(std::move(result), given.types(), options), kind), bind::owned);
}

}  // namespace

nb::list answers_of(std::vector<Result> results, const GivenStatements& given, const RowKind& kind,
                    const PoolOptions& options) {
  nb::list answers;
  for (Result& result : results) answers.append(answer_of(std::move(result), given, kind, options));
  return answers;
}

nb::list answers_of(const std::vector<PipelineAnswer>& answers, const GivenStatements& given,
                    const RowKind& kind, const PoolOptions& options) {
  nb::list made;
  for (std::size_t i = 0; i < answers.size(); ++i)
    made.append(answers[i] ? answer_of(*answers[i], given, kind, options)
                           : given.exception(i, answers[i].error()));
  return made;
}

std::vector<Oid> unknown_types_in(const nb::list& answers) {
  std::vector<Oid> unknown;
  for (const nb::handle answer : answers) {
    if (!nb::isinstance<Answer>(answer)) continue;
    for (const Oid type : nb::cast<Answer&>(answer).result().unknown_types()) {
      if (std::ranges::find(unknown, type) == unknown.end()) unknown.push_back(type);
    }
  }
  return unknown;
}

void set_types_in(const nb::list& answers, const TypesNow& types) {
  for (const nb::handle answer : answers) {
    if (nb::isinstance<Answer>(answer)) nb::cast<Answer&>(answer).set_types(types);
  }
}

namespace {

int traverse_answer(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<Answer>(self)->traverse(visit, arg) : 0;
}

PyType_Slot answer_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_answer)}, {0, nullptr}};

}  // namespace

void bind_pipeline(nb::module_& module) {
  nb::class_<Answer>(module, "Answer", nb::type_slots(answer_slots))
      .def_prop_ro("rows", &Answer::rows, bind::inside, doc::Answer_rows)
      .def_prop_ro("first", &Answer::first, bind::inside, doc::Answer_first)
      .def_prop_ro("value", &Answer::value, bind::inside, doc::Answer_value)
      .def_prop_ro(
          "rowcount", [](const Answer& self) { return self.result().row_count(); }, doc::Answer_rowcount)
      .def_prop_ro(
          "statusmessage", [](const Answer& self) { return self.result().status(); },
          doc::Answer_statusmessage)
      .def("__repr__", [](const Answer& self) {
        return nb::str("<pycopg.Answer {!r}, rowcount={}>")
            .format(self.result().status(), self.result().row_count());
      });
}

}  // namespace copg::python
