// PoolOptions::configure, on_return, before_close and credentials as functions of Python's.
//
// The pool calls them on a detached thread of C++. User code must not run there: before Python 3.14 the end
// of the interpreter unwinds the threads that run Python's code, through frames of ours (see
// interpreter_exit.hpp). So pycopg._callbacks runs it on a daemon thread of Python's own, and the thread of
// C++ waits for that, without the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/connection.hpp>
#include <copg/pool_options.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "python/native/notify.hpp"

namespace copg::python {

class Connection;

/// pycopg._native.Callback: one call, in the hands of the thread that carries it out.
class Callback {
 public:
  struct State;
  explicit Callback(std::shared_ptr<State> state) : state_(std::move(state)) {}
  Callback(Callback&&) noexcept = default;
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  /// A thread that dies has failed.
  ~Callback();

  /// Of those that get a connection: gives the connection to the object, and takes it from it.
  void lend(Connection& to);
  void take_back(Connection& from);
  /// Of `credentials`.
  void give(std::string user, std::string password, std::map<std::string, std::string> options);
  void succeed();
  void fail(std::string why);

 private:
  std::shared_ptr<State> state_;
};

/// Sets those that are given in the options. None is called with the GIL.
void set_callbacks(PoolOptions& options, const std::function<bool(const char*)>& is_given,
                   const std::shared_ptr<Notifier>& notifier);

void bind_callback(nb::module_& module);

}  // namespace copg::python
