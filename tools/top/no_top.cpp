// See top.hpp: this program was built without it (COPG_TOP=OFF).
#include <stdexcept>

#include "top.hpp"

namespace copg::tools {

int top(const TopOptions& /*options*/, std::FILE* /*out*/) {
  throw std::invalid_argument("this copg was built without copg top (COPG_TOP=OFF)");
}

}  // namespace copg::tools
