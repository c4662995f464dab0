// The contract by which a C++ type travels to and from the server. The library's own types are in the files
// beside this one.
//
// A type of your own needs one specialisation, such as this for an enum that mirrors a PostgreSQL enum:
//
// ```cpp file
//     enum class Colour { red, blue };
//
//     template <>
//     struct copg::Codec<Colour> {
//       static constexpr copg::Oid oid = copg::oid::inferred;  // its number differs from database to database
//       static void encode(const Colour& colour, copg::Buffer& out) {
//         out.append(colour == Colour::red ? "red" : "blue");
//       }
//       static Colour decode(std::string_view text) {
//         if (text == "red") return Colour::red;
//         if (text == "blue") return Colour::blue;
//         throw copg::DataError("no such colour");
//       }
//     };
// ```
#pragma once

#include <copg/buffer.hpp>
#include <copg/error.hpp>
#include <copg/oid.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#pragma GCC visibility push(default)
namespace copg {

/// Specialise it with (all static):
///   constexpr Oid oid                    the type that is sent; oid::inferred: the server infers it
///   void encode(const T&, Buffer&)       appends the text that PostgreSQL reads; absent: T can't be sent
///   T decode(std::string_view)           from the text that PostgreSQL writes; absent: T can't be read
/// and, where it needs more:
///   constexpr bool accepts(Oid)          which columns decode takes; default: those of `oid`, or all if
///                                        that is inferred
///   constexpr std::string_view name      T's name in messages; default: the compiler's
///   Oid oid_of(const T&)                 replaces `oid` where the type depends on the value
///   bool is_null(const T&), T null()     if T can hold NULL
///   void encode_binary(const T&, Buffer&)  replaces encode, in binary format, except inside an array
/// encode and decode may throw DataError. Reading adds the column, its type and T to decode's message.
template <class T>
struct Codec;

/// T can be sent as a parameter.
template <class T>
concept Encodable = requires(const T& value, Buffer& out) {
  { Codec<T>::oid } -> std::convertible_to<Oid>;
  Codec<T>::encode(value, out);
};

/// T can be read from a field.
template <class T>
concept Decodable = requires(std::string_view text) {
  { Codec<T>::oid } -> std::convertible_to<Oid>;
  { Codec<T>::decode(text) } -> std::same_as<T>;
};

namespace detail {

template <class T>
concept HoldsNull = requires {
  { Codec<T>::null() } -> std::same_as<T>;
};

template <class T>
constexpr bool accepts(Oid column) {
  if constexpr (requires { Codec<T>::accepts(column); }) {
    return Codec<T>::accepts(column);
  } else {
    return Codec<T>::oid == oid::inferred || Codec<T>::oid == column;
  }
}

template <class T>
Oid oid_of(const T& value) {
  if constexpr (requires { Codec<T>::oid_of(value); }) {
    return Codec<T>::oid_of(value);
  } else {
    return Codec<T>::oid;
  }
}

template <class T>
bool is_null(const T& value) {
  if constexpr (requires { Codec<T>::is_null(value); }) {
    return Codec<T>::is_null(value);
  } else {
    return false;
  }
}

/// The name of T in messages.
template <class T>
constexpr std::string_view name_of() {
  if constexpr (requires { Codec<T>::name; }) {
    return Codec<T>::name;
  } else {
    // "... [with T = X; ...]" (GCC) or "... [T = X]" (Clang).
    const std::string_view pretty = __PRETTY_FUNCTION__;
    const std::size_t begin = pretty.find("T = ") + 4;
    return pretty.substr(begin, pretty.find_first_of(";]", begin) - begin);
  }
}

/// Throws DataError with `what` and the offending text, shortened.
[[noreturn]] void reject_text(std::string_view what, std::string_view text);

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
