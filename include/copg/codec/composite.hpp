// Structs as composite types, by the order of their members.
//
// ```cpp file
//     struct Money {  // CREATE TYPE money_t AS (amount integer, currency text)
//       int amount;
//       std::optional<std::string> currency;
//     };
//     template <>
//     inline constexpr bool copg::is_composite<Money> = true;
// ```
//
// From then on a Money is one value: a column, a parameter, an element of a vector, a member of another
// struct. The fetch verbs read rows of one column as it, no longer rows of its members.
#pragma once

#include <copg/by_name.hpp>
#include <copg/codec/parts.hpp>

#include <boost/pfr/core.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

/// Specialise it as true for an aggregate that is a composite type, before its first use.
template <class T>
inline constexpr bool is_composite = false;

namespace detail {

[[noreturn]] void reject_field_count(std::size_t wanted, std::string_view text);

template <class T, std::size_t... place>
T decode_composite(std::string_view text, std::index_sequence<place...> /*places*/) {
  constexpr std::size_t count = sizeof...(place);
  if (text.size() < 2 || text.front() != '(' || text.back() != ')')
    reject_text("not a composite value", text);
  PartReader reader(text.substr(1));
  const auto next = [&](std::size_t at) {
    const char end = reader.end_of_next(',', ')');
    if ((end == ')') != (at + 1 == count)) reject_field_count(count, text);
    return reader.part(end);
  };
  // The braces have the fields read in order.
  T result{decode_part<boost::pfr::tuple_element_t<place, T>>(next(place), member_name<T, place>)...};
  if (!reader.done()) reject_field_count(count, text);
  return result;
}

}  // namespace detail

/// It is sent without a type: where the server can't infer it, add a cast, `$1::money_t`.
template <class T>
requires(is_composite<T>&& std::is_aggregate_v<T>) struct Codec<T> {
  static constexpr Oid oid = oid::inferred;

  static void encode(const T& value, Buffer& out) {
    out.push_back('(');
    boost::pfr::for_each_field(value, [&, first = true](const auto& member) mutable {
      if (!first) out.push_back(',');
      first = false;
      detail::encode_part(member, out);
    });
    out.push_back(')');
  }
  static T decode(std::string_view text) {
    return detail::decode_composite<T>(text, std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
  }
};

}  // namespace copg
#pragma GCC visibility pop
