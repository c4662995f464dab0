// Not simulated: to the engine it is one more operation on a lease. Here so that its job compiles.
#pragma once

namespace copg::pq {
inline namespace scripted {

class CopyOutOperation;

}  // namespace scripted
}  // namespace copg::pq
