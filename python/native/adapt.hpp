// From Python objects to parameters: the text that PostgreSQL reads, and its type. Needs the GIL.
#pragma once

#include <Python.h>

#include <copg/oid.hpp>
#include <copg/params.hpp>

#include <string>
#include <string_view>

namespace copg::python {

class TypeMap;

/// Appends `value` as the next parameter. Whole numbers travel as the smallest type that holds them, but as
/// no smaller one than `floor` (of int2, int4, int8, numeric; or 0). Strings have no type: the server infers
/// it. `types`: of the program's own; nullptr: none. Throws DataError for a value that can't be sent,
/// ProgrammingMistake for a type that nobody knows, Undumped, and whatever the value's own methods raise.
void add_parameter(PyObject* value, Params& out, const TypeMap* types, Oid floor = oid::inferred);

/// Appends the text of `value`, which is not None, in text format. Returns its type. Throws as add_parameter.
Oid write_value(PyObject* value, std::string& out, const TypeMap* types);
/// As an element of an array or a field of a composite value.
void append_quoted(std::string_view text, std::string& out);
/// The value as a constant in SQL text, which keeps its type and stands anywhere: NULL, 42, 'it''s',
/// '2024-01-01'::date. Throws as add_parameter.
std::string literal_of(PyObject* value);

/// The UTF-8 of a str, as long as that lives. Throws DataError for what PostgreSQL's text does not hold.
[[nodiscard]] std::string_view text_without_nul(PyObject* string);

/// Appends `value` as COPY's text format has it. Throws as add_parameter.
void append_copy_value(PyObject* value, std::string& out, const TypeMap* types);

/// The larger of two of int2, int4, int8 and numeric; `b` if `a` is none of them.
Oid wider_number(Oid a, Oid b) noexcept;
[[nodiscard]] bool is_whole_number(Oid type) noexcept;

}  // namespace copg::python
