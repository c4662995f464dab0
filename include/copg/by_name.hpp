// Rows as structs by the names of the columns.
#pragma once

#include <boost/pfr/core.hpp>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// In the place of a struct's own type, its members are found by the names of the columns, whatever their
/// order:
///
/// ```cpp
///     struct User {
///       std::int64_t id;
///       std::string name;
///     };
///     std::vector<User> users = db.fetch_all<copg::by_name<User>>("SELECT name, id FROM users");
/// ```
///
/// Each column needs a member of its name, and each member a column; DataError says which have none. The
/// names are compared once for a result. No object of this type is ever made.
template <class T>
struct by_name {
  by_name() = delete;
};

namespace detail {

template <class T>
struct RowTypeOf {
  using type = T;
  static constexpr bool named = false;
};
template <class T>
struct RowTypeOf<by_name<T>> {
  using type = T;
  static constexpr bool named = true;
};
/// What the fetch verbs give for a T.
template <class T>
using RowType = typename RowTypeOf<T>::type;

// The name of a member stands in the name of a function with a pointer to it as template parameter. The
// object that it would point into need not exist.

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif

template <class T>
struct Nowhere {
  T value;
};
template <class T>
extern const Nowhere<T> nowhere;
/// Clang before 18 takes a pointer to a member as a parameter only so.
template <class Pointer>
struct WrappedPointer {
  Pointer pointer;
};
template <class Pointer>
WrappedPointer(Pointer) -> WrappedPointer<Pointer>;

template <WrappedPointer member>
constexpr const char* text_with_member() {
  return __PRETTY_FUNCTION__;
}

constexpr std::string_view last_word(std::string_view text) {
  const auto in_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) > 0x7e;  // char has a sign on some processors
  };
  while (!text.empty() && !in_word(text.back())) text.remove_suffix(1);
  std::size_t begin = text.size();
  while (begin > 0 && in_word(text[begin - 1])) --begin;
  return text.substr(begin);
}

/// Of an aggregate.
template <class T, std::size_t place>
inline constexpr std::string_view member_name =
    last_word(text_with_member<WrappedPointer{&boost::pfr::get<place>(nowhere<T>.value)}>());

#ifdef __clang__
#pragma clang diagnostic pop
#endif

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
