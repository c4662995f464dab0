// The cache of rewritten texts, and the two styles of giving parameters.
#include "python/native/statement.hpp"

#include <fmt/format.h>

#include <iterator>
#include <list>
#include <string>
#include <unordered_map>

#include "pq/placeholders.hpp"
#include "python/native/adapt.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/imported.hpp"
#include "python/native/raised.hpp"
#include "python/native/types.hpp"

namespace copg::python {
namespace {

/// Least recently used out first. Keyed by the string itself, whose hash Python keeps beside it: a text that
/// stands in a program is one object and found without reading it.
class TextCache {
 public:
  static constexpr std::size_t capacity = 1024;
  /// In bytes. Longer texts, such as an INSERT of a thousand rows, are seldom seen twice, and would be kept
  /// all the same; to send them takes longer than to rewrite them.
  static constexpr std::size_t longest = 16'384;

  std::shared_ptr<const KnownText> find(PyObject* sql) {
    const nb::ft_lock_guard lock(mutex_);
    const auto found = index_.find(sql);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->known;
  }

  void add(PyObject* sql, std::shared_ptr<const KnownText> known) {
    Entry evicted;  // dies after the lock is gone
    const nb::ft_lock_guard lock(mutex_);
    if (index_.contains(sql)) return;  // another thread was quicker
    entries_.push_front({nb::borrow(sql), std::move(known)});
    index_.emplace(sql, entries_.begin());
    if (entries_.size() <= capacity) return;
    index_.erase(entries_.back().sql.ptr());
    evicted = std::move(entries_.back());
    entries_.pop_back();
  }

 private:
  struct Entry {
    nb::object sql;
    std::shared_ptr<const KnownText> known;
  };
  struct Hash {
    std::size_t operator()(PyObject* text) const noexcept {
      return static_cast<std::size_t>(PyObject_Hash(text));
    }
  };
  struct Equal {
    bool operator()(PyObject* a, PyObject* b) const noexcept {
      return a == b || PyUnicode_Compare(a, b) == 0;
    }
  };

  nb::ft_mutex mutex_;
  std::list<Entry> entries_;
  std::unordered_map<PyObject*, std::list<Entry>::iterator, Hash, Equal> index_;
};

PyObject* composer = nullptr;  // pycopg.sql._composed

/// Never destroyed: the interpreter may be gone by then.
TextCache& cache() {
  static auto* const instance = new TextCache;
  return *instance;
}

[[noreturn, gnu::cold]] void reject_number(const KnownText& known, std::size_t given) {
  const bool dollars = known.text.count == 0 && !pq::placeholders_in(known.text.sql).empty();
  throw ProgrammingMistake(fmt::format("the query has {} placeholders but {} parameters were passed{}",
                                       known.text.count, given,
                                       dollars ? ": placeholders are %s and %(name)s, not $1" : ""));
}

/// `place`: of the parameter, its number or its name.
template <class Place>
void add_one(PyObject* value, Params& out, const TypeMap* types, Oid floor, const Place& place) {
  try {
    add_parameter(value, out, types, floor);
  } catch (Undumped& failed) {
    failed.what = fmt::format("parameter {}: {}", place, failed.what);
    throw;
  }
}

void add_positional(const KnownText& known, PyObject* params, Params& out, const TypeMap* types,
                    const std::vector<Oid>& floors) {
  if (known.text.style == RewrittenText::Style::named)
    throw ProgrammingMistake(
        "the query has named placeholders (%(name)s): it needs a mapping, not a sequence");
  const nb::object items = nb::steal(PySequence_Fast(params, "parameters must be a sequence or a mapping"));
  if (!items.is_valid()) throw nb::python_error();
  const auto given = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(items.ptr()));
  if (given != known.text.count) reject_number(known, given);
  // An element's own methods may change a list under us.
  for (std::size_t i = 0; i < given && i < static_cast<std::size_t>(PySequence_Fast_GET_SIZE(items.ptr()));
       ++i) {
    const nb::object item = nb::borrow(PySequence_Fast_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i)));
    add_one(item.ptr(), out, types, i < floors.size() ? floors[i] : oid::inferred, i + 1);
  }
}

void add_named(const KnownText& known, PyObject* params, Params& out, const TypeMap* types,
               const std::vector<Oid>& floors) {
  if (known.text.style == RewrittenText::Style::positional)
    throw ProgrammingMistake(
        "the query has positional placeholders (%s): it needs a sequence, not a mapping");
  for (std::size_t i = 0; i < known.names.size(); ++i) {
    const nb::object value = nb::steal(PyObject_GetItem(params, known.names[i].ptr()));
    if (!value.is_valid()) {
      if (PyErr_ExceptionMatches(PyExc_KeyError) == 0) throw nb::python_error();
      PyErr_Clear();
      throw ProgrammingMistake(
          fmt::format("the query needs a parameter '{}', which was not passed", known.text.names[i]));
    }
    add_one(value.ptr(), out, types, i < floors.size() ? floors[i] : oid::inferred, known.text.names[i]);
  }
}

}  // namespace

std::string_view plain_text(PyObject* sql) {
  if (!PyUnicode_Check(sql)) {
    PyErr_Format(PyExc_TypeError, "the query must be a str, not %s", Py_TYPE(sql)->tp_name);
    throw nb::python_error();
  }
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(sql, &size);
  if (text == nullptr) {
    const nb::python_error surrogate;
    throw ProgrammingMistake(std::string("the query can't be sent as UTF-8: ") + surrogate.what());
  }
  return {text, static_cast<std::size_t>(size)};
}

Composed composed(PyObject* sql, PyObject* params) {
  const nb::object both = checked(PyObject_CallFunctionObjArgs(composer, sql, params, nullptr));
  return {both[0], both[1]};
}

void set_composer(nb::object function) { composer = function.release().ptr(); }

std::shared_ptr<const KnownText> known_text(PyObject* sql) {
  if (!PyUnicode_Check(sql)) return known_text(composed(sql, nb::make_tuple().ptr()).sql.ptr());
  const std::string_view plain = plain_text(sql);
  // A subclass of str may have a hash of its own, or none.
  const bool kept = PyUnicode_CheckExact(sql) && plain.size() <= TextCache::longest;
  if (kept) {
    if (auto known = cache().find(sql)) return known;
  }
  auto known = std::make_shared<KnownText>();
  known->text = rewrite_placeholders(plain);
  for (const std::string& name : known->text.names) known->names.push_back(nb::str(name.data(), name.size()));
  if (kept) cache().add(sql, known);
  return known;
}

void add_parameters(const KnownText& text, PyObject* params, Params& out, const TypeMap* types,
                    const std::vector<Oid>& floors) {
  if (text.text.count > Params::max_size)
    throw ProgrammingMistake(
        fmt::format("the query has {} placeholders; PostgreSQL takes at most {}: send a list in "
                    "place of many values",
                    text.text.count, Params::max_size));
  if (PyTuple_Check(params) || PyList_Check(params)) return add_positional(text, params, out, types, floors);
  if (PyDict_Check(params) || is_instance(params, imported().mapping))
    return add_named(text, params, out, types, floors);
  if (!PyUnicode_Check(params) && !PyBytes_Check(params) && is_instance(params, imported().sequence))
    return add_positional(text, params, out, types, floors);
  PyErr_Format(PyExc_TypeError, "parameters must be a sequence or a mapping, not %s",
               Py_TYPE(params)->tp_name);
  throw nb::python_error();
}

Statement::Statement(PyObject* sql, PyObject* params, const TypeMap* types) {
  if (PyUnicode_Check(sql)) [[likely]] {
    read(sql, params, types);
    return;
  }
  Composed given = composed(sql, params);
  read(given.sql.ptr(), given.params.ptr(), types);
  composed_ = std::move(given.sql);
}

void Statement::read(PyObject* sql, PyObject* params, const TypeMap* types) {
  if (params == Py_None) {
    plain_ = plain_text(sql);
    return;
  }
  known_ = known_text(sql);
  add_parameters(*known_, params, params_, types);
}

}  // namespace copg::python
