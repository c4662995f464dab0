// What the fuzz targets share. A target is one source file with `fuzz`: libFuzzer calls it with texts that it
// makes up (scripts/fuzz), `replay` with those of the corpus. What it must not do is crash, hang, or break
// what it `require`s.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace copg::fuzz {

void fuzz(std::string_view text);

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace copg::fuzz
