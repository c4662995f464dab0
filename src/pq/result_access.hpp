// How this layer makes a Result: the only way in.
#pragma once

#include <copg/result.hpp>

#include <libpq-fe.h>

namespace copg::pq {

struct ResultAccess {
  /// Takes `owned` (never nullptr), also when it throws std::bad_alloc. Its values must be in text format.
  static Result make(PGresult* owned);
  /// The PGresult inside, or nullptr for an empty Result. Owned by the Result.
  static const PGresult* raw(const Result& result) noexcept;
};

}  // namespace copg::pq
