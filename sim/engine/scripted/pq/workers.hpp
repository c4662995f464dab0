// Nobody needs a worker here.
#pragma once

namespace copg::pq {
inline namespace scripted {

class Workers {
 public:
  class Hold {};
};

}  // namespace scripted
}  // namespace copg::pq
