// How this layer makes a Result, and reads what is inside. There is no other way.
#pragma once

#include <copg/result.hpp>

#include <libpq-fe.h>

#include "pq/errors.hpp"
#include "pq/notices.hpp"

namespace copg::pq {

struct ResultAccess {
  /// `owned` is never nullptr, and its values are in text format. Takes the notices that are pending. Throws
  /// std::bad_alloc.
  static Result make(ResultPtr owned, detail::Effect effect = detail::Effect::none,
                     Notices* notices = nullptr);
  /// The PGresult inside, or nullptr for an empty Result. Owned by the Result.
  static const PGresult* raw(const Result& result) noexcept;
  static detail::Effect effect(const Result& result) noexcept;
};

}  // namespace copg::pq
