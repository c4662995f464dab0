// What is wrong with a call before anything is sent; becomes pycopg.ProgrammingError.
#pragma once

#include <stdexcept>

namespace copg::python {

class ProgrammingMistake : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace copg::python
