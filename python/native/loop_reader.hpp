// A LoopCall as Python sees it: something that a task awaits. And what an event loop has as the reader of its
// port: it takes the calls further that are awaited in this loop.
//
// No task runs on top of frames of this module: which may go on is told to Python (pycopg/_loop.py).
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "python/native/loop_port.hpp"

namespace copg::python {

namespace nb = nanobind;

class LoopCall;

/// pycopg._native.LoopReader, of one event loop, which alone keeps it alive. All members: with the GIL, in
/// the thread of the loop.
class LoopReader {
 public:
  /// Throws std::system_error when the process is out of descriptors.
  explicit LoopReader(nb::handle loop);
  LoopReader(const LoopReader&) = delete;
  LoopReader& operator=(const LoopReader&) = delete;
  ~LoopReader();

  [[nodiscard]] int fd() const noexcept { return port_->fd(); }
  [[nodiscard]] const std::shared_ptr<LoopPort>& port() const noexcept { return port_; }
  [[nodiscard]] bool reads_for(nb::handle loop) const;
  /// Takes calls further, and gives those that are done: tuples of a context, a function to be called in it,
  /// and its argument. To be called until nothing comes.
  nb::list take();

  void keep(LoopCall& call, nb::handle object);
  void forget(const LoopCall& call);
  int traverse(visitproc visit, void* arg) const;
  void clear();

 private:
  void advance_call(LoopPort::News news, nb::list& woken);

  const nb::object loop_;  // a weak reference
  const std::shared_ptr<LoopPort> port_ = std::make_shared<LoopPort>();
  std::unordered_map<std::uint64_t, nb::object> calls_{};  // awaited, by their tokens
  int rounds_ = 0;                                         // since the reader was called
};

void bind_loop_reader(nb::module_& module);

}  // namespace copg::python
