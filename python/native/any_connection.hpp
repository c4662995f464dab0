// pycopg._native.AnyConnection: what the connections of threads and those of asyncio have in common. Needs
// the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/connection.hpp>
#include <copg/source_location.hpp>

#include <optional>
#include <string>

#include "python/native/any_pool.hpp"
#include "python/native/deadline.hpp"
#include "python/native/location.hpp"
#include "python/native/result_rows.hpp"

namespace copg::python {

namespace nb = nanobind;

class AnyConnection {
 public:
  AnyConnection(const AnyConnection&) = delete;
  AnyConnection& operator=(const AnyConnection&) = delete;

  /// Not leased: not yet, or not any more.
  [[nodiscard]] virtual bool given_back() const noexcept = 0;
  /// Given back, or lost.
  [[nodiscard]] virtual bool closed() const noexcept = 0;

  // What the connection knows without asking the server. InterfaceError unless it is leased.

  [[nodiscard]] virtual int backend_pid() = 0;
  [[nodiscard]] virtual int server_version() = 0;
  [[nodiscard]] virtual TransactionStatus status() = 0;
  [[nodiscard]] virtual std::string parameter_status(const std::string& name) = 0;

  /// How long to wait for the connection.
  [[nodiscard]] Seconds limit() const { return timeout_.seconds().value_or(pool_.options().timeout); }
  /// The limit of each call, in seconds.
  [[nodiscard]] virtual Seconds call_timeout() = 0;
  virtual void set_call_timeout(Seconds limit) = 0;
  /// What leases() and messages call the lease; empty: nothing.
  [[nodiscard]] const std::string& lease_name() const noexcept { return lease_name_; }
  virtual void set_lease_name(std::string name) = 0;
  [[nodiscard]] nb::handle pool_object() const noexcept { return pool_object_; }
  /// Of the program's own.
  [[nodiscard]] const Types& types() const noexcept { return pool_.types(); }

  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(pool_object_.ptr());
    return row_kind.traverse(visit, arg);
  }

  /// Of its cursors.
  RowKind row_kind;
  /// Of a call that is given `row`, or None.
  [[nodiscard]] RowKind rows_for(nb::handle row) const {
    return row.is_none() ? row_kind : RowKind(row, "row");
  }
  /// What was given as the timeout is the deadline of all calls on the lease, too.
  bool ends_by_timeout = false;

 protected:
  /// Leases nothing yet. `pool` is kept alive. `timeout`: for getting the connection; None: the pool's.
  AnyConnection(nb::handle pool, nb::handle timeout, nb::handle row_factory);
  ~AnyConnection() = default;
  /// In the destructor: a ResourceWarning unless it was given back.
  void warn_unless_given_back() const noexcept;
  [[nodiscard]] AnyPool& pool() const noexcept { return pool_; }
  [[nodiscard]] SourceLocation caller() const { return pool_.caller(); }
  [[nodiscard]] Caller caller_in_block() const { return python::caller_in_block(pool_.origin_skip()); }

  const Timeout timeout_;
  SourceLocation leased_at_;
  std::string lease_name_;

 private:
  const nb::object pool_object_;
  AnyPool& pool_;
};

/// Of each class that is bound.
extern PyType_Slot connection_slots[];

void bind_any_connection(nb::module_& module);

}  // namespace copg::python
