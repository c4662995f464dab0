// The scanner of SQL texts: how a statement must be sent, and what it may do to the session.
#include "sql/text_traits.hpp"

#include <string>

#include "fuzz/target.hpp"

namespace copg::fuzz {
namespace {

bool equal(const sql::TextTraits& a, const sql::TextTraits& b) {
  return a.several == b.several && a.copies == b.copies && a.commits == b.commits &&
         a.transacts == b.transacts && a.says_read_only == b.says_read_only && a.calls == b.calls &&
         a.effect == b.effect && a.reads == b.reads && a.writes == b.writes;
}

}  // namespace

void fuzz(std::string_view text) {
  const sql::TextTraits traits = sql::text_traits(text);
  require(!(traits.reads && traits.writes), "a text reads or writes");
  if (traits.reads || traits.writes) {
    require(!traits.several && !traits.copies && !traits.transacts && traits.effect == sql::TextEffect::none,
            "what may be shared is one statement that leaves nothing behind");
  }
  const std::string padded = " \n" + std::string(text) + "\n ";
  require(equal(traits, sql::text_traits(padded)), "white space around a text changes nothing");
}

}  // namespace copg::fuzz
