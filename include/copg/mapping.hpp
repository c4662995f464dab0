// Maps rows to C++ types, and back, by position: aggregates, tuples and single values.
#pragma once

#include <copg/params.hpp>
#include <copg/row.hpp>

#include <boost/pfr/core.hpp>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

[[noreturn]] void reject_column_count(std::size_t columns, std::size_t wanted, std::string_view type);

template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};

template <class T>
concept PlainAggregate = std::is_aggregate_v<T> && !std::is_array_v<T> && !TupleLike<T>;

/// A row can be read as a T.
template <class T>
concept Mappable = Decodable<T> || TupleLike<T> || PlainAggregate<T>;

/// The braces have the columns read in order.
template <class T, std::size_t... I>
T row_to_tuple(const Row& row, std::index_sequence<I...>) {
  return T{row[I].template as<std::tuple_element_t<I, T>>()...};
}
template <class T, std::size_t... I>
T row_to_aggregate(const Row& row, std::index_sequence<I...>) {
  return T{row[I].template as<boost::pfr::tuple_element_t<I, T>>()...};
}

/// The number of columns that a T needs.
template <class T>
constexpr std::size_t column_count() {
  if constexpr (Decodable<T>) {
    return 1;
  } else if constexpr (TupleLike<T>) {
    return std::tuple_size_v<T>;
  } else {
    return boost::pfr::tuple_size_v<T>;
  }
}

}  // namespace detail

template <class T>
T Row::as() const {
  static_assert(detail::Mappable<T>, "T must be an aggregate, a tuple, or a type with a copg::Codec");
  constexpr std::size_t wanted = detail::column_count<T>();
  if (size() != wanted) detail::reject_column_count(size(), wanted, detail::name_of<T>());
  if constexpr (Decodable<T>) {
    return at_unchecked(0).as<T>();
  } else if constexpr (detail::TupleLike<T>) {
    return detail::row_to_tuple<T>(*this, std::make_index_sequence<wanted>());
  } else {
    return detail::row_to_aggregate<T>(*this, std::make_index_sequence<wanted>());
  }
}

/// Appends a row of parameters in order: the elements of a tuple or pair, the members of an aggregate, or one
/// value.
template <class T>
void add_row(Params& params, const T& row) {
  if constexpr (Encodable<T>) {
    params.add(row);
  } else if constexpr (detail::TupleLike<T>) {
    std::apply([&params](const auto&... element) { (params.add(element), ...); }, row);
  } else {
    static_assert(detail::PlainAggregate<T>, "a row is a tuple, an aggregate, or a type with a copg::Codec");
    boost::pfr::for_each_field(row, [&params](const auto& member) { params.add(member); });
  }
}

}  // namespace copg
#pragma GCC visibility pop
