// The scanner of SQL texts: how a statement must be sent, and what it may do to the session.
#include "pq/sql_text.hpp"

#include <string>

#include "fuzz/target.hpp"

namespace copg::fuzz {
namespace {

bool equal(const pq::TextTraits& a, const pq::TextTraits& b) {
  return a.several == b.several && a.copies == b.copies && a.commits == b.commits &&
         a.transacts == b.transacts && a.says_read_only == b.says_read_only && a.calls == b.calls &&
         a.effect == b.effect && a.reads == b.reads && a.writes == b.writes;
}

}  // namespace

void fuzz(std::string_view text) {
  const pq::TextTraits traits = pq::text_traits(text);
  require(!(traits.reads && traits.writes), "a text reads or writes");
  if (traits.reads || traits.writes) {
    require(!traits.several && !traits.copies && !traits.transacts && traits.effect == pq::TextEffect::none,
            "what may be shared is one statement that leaves nothing behind");
  }
  require(traits.effect == pq::SessionState::text_effect(text), "both scanners see the same effect");
  const std::string padded = " \n" + std::string(text) + "\n ";
  require(equal(traits, pq::text_traits(padded)), "white space around a text changes nothing");
}

}  // namespace copg::fuzz
