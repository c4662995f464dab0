// How many queries took how long, in classes that grow by 1.5 %: as fine for microseconds as for seconds.
// bench/python/histograms.py reads it, and sorts into the same classes.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace copg::bench {

class Histogram {
 public:
  void add(double us) {
    const double place = std::log2(std::max(us, 1.0)) * per_octave;
    ++counts_[std::min(static_cast<std::size_t>(place), counts_.size() - 1)];
  }
  Histogram& operator+=(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    return *this;
  }
  /// As JSON: the class and how many are in it, of each that is not empty.
  void print(std::FILE* out) const {
    std::fputc('[', out);
    const char* between = "";
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] == 0) continue;
      std::fprintf(out, "%s[%zu,%u]", between, i, counts_[i]);
      between = ",";
    }
    std::fputc(']', out);
  }

 private:
  static constexpr int per_octave = 48;
  static constexpr int octaves = 26;  // up to a minute
  std::array<std::uint32_t, per_octave * octaves> counts_{};
};

}  // namespace copg::bench
