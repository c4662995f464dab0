// Hands a target to libFuzzer, whose `main` calls it.
#include <cstddef>
#include <cstdint>

#include "fuzz/target.hpp"

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copg::fuzz::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
