// What takes its data from a source of its caller's, or gives it to a sink: to the world's server it is one
// statement, whose number stands at the end of its text. The caller's code runs inside the operation.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "pq/execute_operation.hpp"

namespace copg::pq {
inline namespace scripted {

[[nodiscard]] inline std::uint32_t token_at_the_end_of(std::string_view sql) {
  return static_cast<std::uint32_t>(
      std::strtoul(std::string(sql.substr(sql.find_last_of(' ') + 1)).c_str(), nullptr, 10));
}

class StreamedOperation : public OneStatement {
 public:
  [[nodiscard]] std::exception_ptr stream_error() const noexcept { return error_of_caller_; }

 protected:
  StreamedOperation(Connection& connection, std::string_view sql, BeginFirst begin)
      : OneStatement(connection, sql, token_at_the_end_of(sql), begin) {}

  template <class Body>
  bool call(Body body) {
    try {
      body();
      return true;
    } catch (...) {
      error_of_caller_ = std::current_exception();
      return false;
    }
  }

 private:
  std::exception_ptr error_of_caller_;
};

}  // namespace scripted
}  // namespace copg::pq
