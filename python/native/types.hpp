// Types of the program's own: what makes objects of their values, and texts of the objects. Needs the GIL.
// See docs/adr/0054-types-are-looked-up-when-they-are-met.md.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/error.hpp>
#include <copg/oid.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "python/native/decode.hpp"

namespace copg::python {

namespace nb = nanobind;

/// How objects of one class become parameters.
struct Dumper {
  enum class How : std::uint8_t {
    label,      ///< Of an enumeration: what the dictionary `given` has for it.
    composite,  ///< `given`: the names of the attributes, a tuple, or a function that gives the values.
    call,       ///< `given`: a function that gives the text.
    hstore,
  };
  How how;
  PyObject* given;   // the map's
  std::string name;  // of the type, as it was registered
  Oid type;          // inferred: the database does not have it
  Oid array;
};

/// What is known of the types at one time: never changes. Shared by the pool and the rows of its statements.
class TypeMap {
 public:
  /// As pycopg._types makes it. `readers`: how the types are read, by their numbers. `dumpers`: by class.
  /// `plain`: what was looked up and is read as without a registry. `json_dumps`: a function, or None.
  /// `looks_up`: there are names to be looked up.
  TypeMap(std::shared_ptr<std::atomic<bool>> stale, const nb::dict& readers, const nb::dict& dumpers,
          const nb::iterable& plain, nb::handle json_dumps, bool infinite_as_max, bool looks_up);

  [[nodiscard]] CellReader reader(Oid type) const;
  /// Of a type with a loader; empty for any other.
  [[nodiscard]] std::string_view name(Oid type) const;
  /// Whether it should be looked up before a value of it is read.
  [[nodiscard]] bool is_unknown(Oid type) const;
  /// nullptr: objects of this class, and of those that it is derived from, are not the program's own.
  [[nodiscard]] const Dumper* dumper(PyTypeObject* type) const;
  /// 0: no array type over `element` is known.
  [[nodiscard]] Oid array_over(Oid element) const;
  /// nullptr: json.dumps
  [[nodiscard]] PyObject* json_dumps() const noexcept { return json_dumps_; }
  [[nodiscard]] bool infinite_as_max() const noexcept { return infinite_as_max_; }
  /// The names are to be looked up again.
  void outdate() const noexcept { stale_->store(true, std::memory_order_relaxed); }
  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Known {
    CellReader reader;
    std::string name;
  };
  class Maker;

  PyObject* keep(nb::handle object);

  const std::shared_ptr<std::atomic<bool>> stale_;
  std::vector<nb::object> kept_;  // what the rest refers to
  std::vector<std::unique_ptr<Loader>> loaders_;
  std::unordered_map<Oid, Known> readers_;
  std::unordered_map<PyTypeObject*, Dumper> dumpers_;
  std::unordered_map<Oid, Oid> arrays_;  // by element
  std::unordered_set<Oid> plain_;
  PyObject* json_dumps_ = nullptr;
  bool infinite_as_max_ = false;
  bool looks_up_ = false;
};
using TypesNow = std::shared_ptr<const TypeMap>;

/// pycopg._native.Types, from which pycopg's registry derives: one for all objects that share a pool.
class Types {
 public:
  /// nullptr: nothing is registered.
  [[nodiscard]] TypesNow now() const noexcept {
    const nb::ft_lock_guard lock(mutex_);
    return now_;
  }
  void set(TypesNow now) {
    const nb::ft_lock_guard lock(mutex_);
    now_.swap(now);
  }
  /// The names should be looked up before the next statement.
  [[nodiscard]] bool stale() const noexcept { return stale_->load(std::memory_order_relaxed); }
  void set_stale(bool stale) const noexcept { stale_->store(stale, std::memory_order_relaxed); }
  [[nodiscard]] const std::shared_ptr<std::atomic<bool>>& flag() const noexcept { return stale_; }

 private:
  const std::shared_ptr<std::atomic<bool>> stale_ = std::make_shared<std::atomic<bool>>(false);
  mutable nb::ft_mutex mutex_;
  TypesNow now_;
};

/// Types have to be looked up before this can go on. Becomes pycopg._native_types.TypesUnknown.
struct TypesUnknown {
  std::vector<Oid> types;  // that were met; may be empty
  nb::object rows;         // what has them (Unread), or nothing: the statement did not run
  std::string why;         // if looking up does not help
};

/// A value can't be sent, because of its class's dumps, or because the database lacks its type. `what` says
/// why; who knows puts in front where the value stands.
struct Undumped {
  std::string what;
  nb::object cause;  // may be empty
  bool missing;      // the type

  /// Sets pycopg.DataError, or ProgrammingError where the type is missing.
  [[noreturn]] void raise() const;
};

/// Appends the text of an object of the program's own. Returns its type. Throws Undumped.
Oid dump(const Dumper& dumper, PyObject* value, std::string& out, const TypeMap& types);

/// Whether `error` says that the server lacks a type that is in `types`: it was dropped.
[[nodiscard]] bool tells_lost_type(const Error& error, const TypeMap* types);

void bind_types(nb::module_& module);

}  // namespace copg::python
