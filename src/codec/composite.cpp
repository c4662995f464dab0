#include <copg/codec/composite.hpp>

#include <fmt/format.h>

namespace copg::detail {

void reject_field_count(std::size_t wanted, std::string_view text) {
  reject_text(fmt::format("the composite type has not {} fields, as the struct", wanted), text);
}

}  // namespace copg::detail
