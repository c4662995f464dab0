// What copg top has to show at one moment, whatever it comes from.
#pragma once

#include <string>
#include <vector>

#include "table.hpp"

namespace copg::tools {

/// A table of which one is shown at a time.
struct Pane {
  std::string name{};
  Table table{};
  std::string when_empty{};    ///< What is said in place of no rows.
  bool excerpt = false;        ///< Its rows are also in another pane.
  std::uint64_t left_out = 0;  ///< Rows that are known of and not told.
};

struct Picture {
  std::string headline{};       ///< What is looked at.
  Table summary{};              ///< A row for each pool, or for each application.
  std::vector<Line> remarks{};  ///< What is wrong, and advice: the worst first.
  std::vector<Pane> panes{};
};

}  // namespace copg::tools
