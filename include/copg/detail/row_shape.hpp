// What a fetch verb needs of a statement's rows, which is known before the statement is sent. Not for users.
#pragma once

#include <copg/detail/result_data.hpp>
#include <copg/field.hpp>
#include <copg/mapping.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <ranges>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// Whether a T refers to memory that it does not own: a view, span, pointer, reference, or what holds one.
template <class T>
struct Refers
    : std::bool_constant<std::is_pointer_v<T> || std::is_reference_v<T> || std::is_same_v<T, Field> ||
                         std::is_same_v<T, Row> || std::ranges::enable_borrowed_range<T>> {};
template <class T>
struct Refers<const T> : Refers<T> {};
template <class T>
struct Refers<std::reference_wrapper<T>> : std::true_type {};
template <class T>
struct Refers<std::optional<T>> : Refers<T> {};
template <class T, class A>
struct Refers<std::vector<T, A>> : Refers<T> {};
template <class T, std::size_t N>
struct Refers<std::array<T, N>> : Refers<T> {};
template <MapLike T>
struct Refers<T> : Refers<typename T::mapped_type> {};
template <class A, class B>
struct Refers<std::pair<A, B>> : std::disjunction<Refers<A>, Refers<B>> {};
template <class... T>
struct Refers<std::tuple<T...>> : std::disjunction<Refers<T>...> {};

template <class T, std::size_t... I>
constexpr bool member_refers(std::index_sequence<I...>) {
  return (Refers<boost::pfr::tuple_element_t<I, T>>::value || ...);
}

/// A type with a Codec of its own is judged as a whole, other aggregates member by member.
template <class T>
constexpr bool refers() {
  if constexpr (RowTypeOf<T>::named) {
    return refers<RowType<T>>();
  } else if constexpr (Refers<T>::value) {
    return true;
  } else if constexpr (PlainAggregate<T> && !Decodable<T>) {
    return member_refers<T>(std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
  } else {
    return false;
  }
}

/// A T may outlive the Result that it was read from, as the fetch verbs need it.
template <class T>
concept Owning = !refers<T>();

template <class T, std::size_t... place>
void check_types([[maybe_unused]] std::span<const Column> columns, std::index_sequence<place...>) {
  [[maybe_unused]] const auto check = []<class C>(const Column& column, std::type_identity<C>) {
    if (!accepts<C>(column.type)) reject_type(column, name_of<C>());
  };
  (check(columns[place], column_type<T, place>()), ...);
}

template <class T, std::size_t... place>
void check_named_types([[maybe_unused]] std::span<const Column> columns,
                       [[maybe_unused]] const std::array<std::size_t, sizeof...(place)>& at,
                       std::index_sequence<place...>) {
  [[maybe_unused]] const auto check = []<class C>(const Column& column, std::type_identity<C>) {
    if (!accepts<C>(column.type)) reject_type(column, name_of<C>());
  };
  (check(columns[at[place]], column_type<T, place>()), ...);
}

/// Throws if no row of such columns can be read as a T.
template <class T>
void check_columns(std::span<const Column> columns) {
  if constexpr (Named<T>) {
    constexpr auto places = std::make_index_sequence<column_count<RowType<T>>()>();
    check_named_types<RowType<T>>(columns, columns_by_name<RowType<T>>(columns, places), places);
  } else if constexpr (MapLike<T>) {
    using Value = typename T::mapped_type;
    for (const Column& column : columns)
      if (!accepts<Value>(column.type)) reject_type(column, name_of<Value>());
  } else {
    constexpr std::size_t wanted = column_count<T>();
    if (columns.size() != wanted) reject_column_count(columns.size(), wanted, name_of<T>());
    check_types<T>(columns, std::make_index_sequence<wanted>());
  }
}

struct RowShape {
  void (*check)(std::span<const Column> columns);  ///< Throws if no row of such columns can be read.
  bool needs_row;                                  ///< Without a row there is nothing to return.
};

template <class T, bool needs_row>
constexpr RowShape make_shape() {
  static_assert(
      Owning<T>,
      "what a fetch verb gives must own its memory, since the Result is gone then: take std::string in "
      "place of std::string_view or const char*, std::vector<std::byte> in place of a span, and "
      "execute() where rows or fields are wanted");
  if constexpr (Owning<T>) {
    static_assert(
        Mappable<T> || Named<T>,
        "T must be an aggregate, copg::by_name of one, a tuple, a map from std::string, or a type with "
        "a copg::Codec");
    if constexpr (Mappable<T> || Named<T>) return {check_columns<T>, needs_row};
  }
  return {};
}

/// Of fetch_one and fetch_all.
template <class T>
inline constexpr RowShape rows_as = make_shape<T, false>();
/// Of fetch_val.
template <class T>
inline constexpr RowShape value_as = make_shape<T, !HoldsNull<T>>();

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
