// What is thrown when the rows of an answer can't be read.
#include <copg/detail/rows_of.hpp>

#include <exception>
#include <new>
#include <utility>

#include "pq/errors.hpp"
#include "pq/result_access.hpp"

namespace copg::detail {

void reject_answer(const Result& result) {
  const Effect effect = pq::ResultAccess::effect(result);
  try {
    throw;
  } catch (const Error& error) {
    ErrorInfo info = error.info();
    if (effect == Effect::none && info.kind != ErrorKind::usage) throw;
    if (info.kind == ErrorKind::usage) info.kind = ErrorKind::data;  // that would say that nothing was sent
    pq::tell_effect(info, effect, result.command_tag());
    raise(std::move(info));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    if (effect == Effect::none) throw;
    ErrorInfo info;
    info.message = error.what();
    info.cause = error.what();
    pq::tell_effect(info, effect, result.command_tag());
    std::throw_with_nested(DataError(std::move(info)));
  }
}

}  // namespace copg::detail
