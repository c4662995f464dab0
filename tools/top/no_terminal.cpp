// See terminal.hpp: this program was built without ncurses.
#include <stdexcept>

#include "terminal.hpp"

namespace copg::tools {

std::unique_ptr<Terminal> open_terminal() {
  throw std::invalid_argument(
      "this copg was built without ncurses: use copg top --once, or build it where libncurses-dev is "
      "installed");
}

}  // namespace copg::tools
