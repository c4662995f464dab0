// Quotes as PostgreSQL's quote_ident does, but always: which words are reserved depends on the server.
#include <copg/identifier.hpp>

#include <copg/error.hpp>

#include "codec/quoted_name.hpp"

namespace copg::detail {

std::string quoted_names(std::initializer_list<std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) {
    if (name.empty()) throw DataError("an identifier can't be empty");
    if (name.find('\0') != std::string_view::npos)
      throw DataError("an identifier with a NUL character can't be sent: PostgreSQL has no name with one");
    if (!text.empty()) text += '.';
    append_quoted_name(name, text);
  }
  return text;
}

}  // namespace copg::detail
