// What `copg tune` has measured, drawn.
#pragma once

#include <map>
#include <string>

#include "tune_search.hpp"

namespace copg::tools {

/// A part of a line: `share` of `width` places, in eighths of a place. `share`: 0 to 1.
[[nodiscard]] std::string bar(double share, int width);

/// An SVG document: throughput and the 99th percentile of the times over the size of the pool, and the size
/// that is advised. Readable on light and dark ground. `results` must not be empty.
[[nodiscard]] std::string svg_chart(const std::map<int, TuneRound>& results, int advice,
                                    const std::string& title);

}  // namespace copg::tools
