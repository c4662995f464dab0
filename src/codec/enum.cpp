#include <copg/codec/enum.hpp>

#include <fmt/format.h>

namespace copg::detail {

void reject_unnamed_value(long long value, std::string_view type) {
  throw DataError(fmt::format("the value {} of {} has no name in copg::enum_names", value, type));
}

}  // namespace copg::detail
