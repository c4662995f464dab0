// Maps rows to C++ types, and back: aggregates, tuples and single values by position; aggregates by name;
// maps.
#pragma once

#include <copg/by_name.hpp>
#include <copg/params.hpp>
#include <copg/row.hpp>

#include <array>
#include <boost/pfr/core.hpp>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

[[noreturn]] void reject_column_count(std::size_t columns, std::size_t wanted, std::string_view type);
/// For each of a type's members the column of its name. Throws UsageError that names those without, and the
/// columns without a member.
void find_columns(std::span<const Column> columns, std::span<const std::string_view> members,
                  std::span<std::size_t> found, std::string_view type);

template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};

template <class T>
concept PlainAggregate = std::is_aggregate_v<T> && !std::is_array_v<T> && !TupleLike<T>;

/// A row becomes a map from the columns' names to their values, all of one type.
template <class T>
concept MapLike =
    !Decodable<T> && std::same_as<typename T::key_type, std::string> && Decodable<typename T::mapped_type> &&
    requires(T map, std::string key, typename T::mapped_type value) {
  map.insert_or_assign(std::move(key), std::move(value));
};

/// by_name of an aggregate.
template <class T>
concept Named = RowTypeOf<T>::named && PlainAggregate<RowType<T>>;

/// A row can be read as a T.
template <class T>
concept Mappable = !RowTypeOf<T>::named && (Decodable<T> || TupleLike<T> || PlainAggregate<T> || MapLike<T>);

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

/// The type that the column at this place of a T is read as.
template <class T, std::size_t place>
constexpr auto column_type() {
  if constexpr (Decodable<T>) {
    return std::type_identity<T>();
  } else if constexpr (TupleLike<T>) {
    return std::type_identity<std::tuple_element_t<place, T>>();
  } else {
    return std::type_identity<boost::pfr::tuple_element_t<place, T>>();
  }
}
template <class T, std::size_t place>
using ColumnType = typename decltype(column_type<T, place>())::type;

/// Reads rows of as many columns as a T needs.
template <class T, class Places = std::make_index_sequence<column_count<T>()>>
class RowReader;

template <class T, std::size_t... place>
class RowReader<T, std::index_sequence<place...>> {
 public:
  explicit RowReader(const ResultData& data)
      : data_(data), accepted_((accepts<ColumnType<T, place>>(data.columns[place].type) && ...)) {}

  /// Appends every row to `all`.
  void read_all(std::vector<T>& all) const {
    all.reserve(data_.rows);
    for (std::size_t row = 0; row < data_.rows; ++row) {
      if constexpr (PlainAggregate<T> && !Decodable<T>) {
        all.emplace_back(InPlace{*this, row});
      } else {
        all.push_back(read(row));
      }
    }
  }
  /// Throws what the first column that can't be read throws as a Field: the braces have the columns read in
  /// order.
  T read(std::size_t row) const {
    std::array<Cell, sizeof...(place)> cells;
    cells_of(data_, row, cells.data());
    if constexpr (Decodable<T>) {
      return read_cell<T>(data_.columns[0], cells[0], accepted_);
    } else {
      return T{read_cell<ColumnType<T, place>>(data_.columns[place], cells[place], accepted_)...};
    }
  }

 private:
  /// Becomes a T where it is needed, so that no T has to be moved there.
  struct InPlace {
    const RowReader& reader;
    std::size_t row;
    operator T() const { return reader.read(row); }
  };

  const ResultData& data_;
  const bool accepted_;
};

/// For each member of a T the column of its name.
template <class T, std::size_t... place>
auto columns_by_name(std::span<const Column> columns, std::index_sequence<place...>) {
  static constexpr std::array<std::string_view, sizeof...(place)> members{member_name<T, place>...};
  std::array<std::size_t, sizeof...(place)> found{};
  find_columns(columns, members, found, name_of<T>());
  return found;
}

/// Reads rows whose columns have the names of a T's members.
template <class T, class Places = std::make_index_sequence<column_count<T>()>>
class NamedReader;

template <class T, std::size_t... place>
class NamedReader<T, std::index_sequence<place...>> {
 public:
  explicit NamedReader(const ResultData& data)
      : data_(data),
        at_(columns_by_name<T>(data.columns, std::index_sequence<place...>())),
        accepted_((accepts<ColumnType<T, place>>(data.columns[at_[place]].type) && ...)) {}

  void read_all(std::vector<T>& all) const {
    all.reserve(data_.rows);
    for (std::size_t row = 0; row < data_.rows; ++row) all.push_back(read(row));
  }
  T read(std::size_t row) const {
    std::array<Cell, sizeof...(place)> cells;
    cells_of(data_, row, cells.data());
    return T{read_cell<ColumnType<T, place>>(data_.columns[at_[place]], cells[at_[place]], accepted_)...};
  }

 private:
  const ResultData& data_;
  const std::array<std::size_t, sizeof...(place)> at_;
  const bool accepted_;
};

/// Reads rows as maps.
template <class T>
class MapReader {
 public:
  explicit MapReader(const ResultData& data) : data_(data) {}

  void read_all(std::vector<T>& all) const {
    all.reserve(data_.rows);
    for (std::size_t row = 0; row < data_.rows; ++row) all.push_back(read(row));
  }
  T read(std::size_t row) const {
    using Value = typename T::mapped_type;
    T map;
    for (std::size_t i = 0; i < data_.columns.size(); ++i) {
      const Column& column = data_.columns[i];
      map.insert_or_assign(column.name,
                           read_cell<Value>(column, cell(data_, row, i), accepts<Value>(column.type)));
    }
    return map;
  }

 private:
  const ResultData& data_;
};

/// Of a T; throws UsageError if it needs another number of columns, or others.
template <class T>
auto reader_of(const ResultData& data) {
  static_assert(
      Mappable<T> || Named<T>,
      "T must be an aggregate, copg::by_name of one, a tuple, a map from std::string, or a type with a "
      "copg::Codec");
  if constexpr (Named<T>) {
    return NamedReader<RowType<T>>(data);
  } else if constexpr (MapLike<T>) {
    return MapReader<T>(data);
  } else {
    constexpr std::size_t wanted = column_count<T>();
    if (data.columns.size() != wanted) reject_column_count(data.columns.size(), wanted, name_of<T>());
    return RowReader<T>(data);
  }
}

}  // namespace detail

template <class T>
detail::RowType<T> Row::as() const {
  return detail::reader_of<T>(*data_).read(index_);
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
