// Enumerations by the names of their values, from a table:
//
// ```cpp file
//     enum class Mood { sad, ok };  // CREATE TYPE mood AS ENUM ('sad', 'ok')
//     template <>
//     inline constexpr auto copg::enum_names<Mood> = copg::enum_table<Mood>({{Mood::sad, "sad"}, {Mood::ok, "ok"}});
// ```
#pragma once

#include <copg/codec/codec.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#pragma GCC visibility push(default)
namespace copg {

/// One value of an enumeration, and its label.
template <class E>
struct EnumName {
  E value;
  std::string_view name;
};

template <class E, std::size_t N>
constexpr std::array<EnumName<E>, N> enum_table(const EnumName<E> (&names)[N]) {
  std::array<EnumName<E>, N> table{};
  for (std::size_t i = 0; i < N; ++i) table[i] = names[i];
  return table;
}

/// Specialise it as an `enum_table` before the enumeration's first use.
template <class E>
inline constexpr std::nullptr_t enum_names = nullptr;

namespace detail {

template <class E>
concept NamedEnum = std::is_enum_v<E> && !std::same_as<decltype(enum_names<E>), const std::nullptr_t>;

[[noreturn]] void reject_unnamed_value(long long value, std::string_view type);

}  // namespace detail

/// Sent without a type, which the server infers; read from columns of any type. A value without a name, and a
/// label without a value, are a DataError.
template <detail::NamedEnum E>
struct Codec<E> {
  static constexpr Oid oid = oid::inferred;

  static void encode(E value, Buffer& out) {
    for (const EnumName<E>& known : enum_names<E>) {
      if (known.value == value) return out.append(known.name);
    }
    detail::reject_unnamed_value(static_cast<long long>(value), detail::name_of<E>());
  }
  static E decode(std::string_view text) {
    for (const EnumName<E>& known : enum_names<E>) {
      if (known.name == text) return known.value;
    }
    detail::reject_text("no value of the enumeration has this label", text);
  }
};

}  // namespace copg
#pragma GCC visibility pop
