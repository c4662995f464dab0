// pycopg._native.LoopCopy: what a COPY of asyncio has gathered, and the exchange that it keeps open. A
// LoopConnection makes the calls. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "engine/calls/copy_jobs.hpp"
#include "python/native/copy_buffer.hpp"
#include "python/native/loop_jobs.hpp"
#include "python/native/raised.hpp"
#include "python/native/statement.hpp"

namespace copg::python {

/// A step of it, as a call keeps it.
template <pq::CopyWish wish>
struct LoopCopyStep : engine::KeptCopyStep<wish> {
  nb::object sql;

  static nb::object give(std::int64_t rows) { return nb::int_(rows); }
  static nb::object give(const std::string& piece) {
    return checked(PyBytes_FromStringAndSize(piece.data(), static_cast<Py_ssize_t>(piece.size())));
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    rethrow_in_words_of(sql, nullptr, std::move(failure));
  }
};

class LoopCopy {
 public:
  explicit LoopCopy(nb::handle sql)
      : sql_(nb::borrow(sql)),
        copy_(std::make_shared<pq::KeptCopy>(std::string(Statement(sql.ptr(), Py_None, nullptr).text()))) {}

  [[nodiscard]] CopyBuffer& buffer() noexcept { return buffer_; }
  void follows(std::int64_t rows) noexcept {
    copy_->follows(rows);
    buffer_.set_rows_before(rows);
  }
  [[nodiscard]] bool takes_data() const noexcept { return copy_->takes_data(); }
  template <pq::CopyWish wish>
  [[nodiscard]] LoopCopyStep<wish> step() {
    std::string data;
    if constexpr (wish == pq::CopyWish::write) data = buffer_.take();
    if constexpr (wish == pq::CopyWish::give_up) buffer_.clear();
    return {{copy_, std::move(data)}, sql_};
  }

 private:
  const nb::object sql_;
  const std::shared_ptr<pq::KeptCopy> copy_;
  CopyBuffer buffer_;
};

void bind_loop_copy(nb::module_& module);

}  // namespace copg::python
