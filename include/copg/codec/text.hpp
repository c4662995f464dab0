// Strings, bytes, UUIDs, JSON, and the absence of a value.
//
// A string is sent without a type, so that the server infers the type that the statement needs. A column of
// any type can be read as a string.
#pragma once

#include <copg/codec/codec.hpp>
#include <copg/json.hpp>
#include <copg/uuid.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// Sending a NUL is a DataError, because no text of PostgreSQL can hold one.
template <>
struct Codec<std::string_view> {
  static constexpr Oid oid = oid::inferred;
  static constexpr std::string_view name = "std::string_view";
  static void encode(std::string_view value, Buffer& out);
  /// Refers to the Result, and is valid as long as that lives.
  static std::string_view decode(std::string_view text) { return text; }
};

template <>
struct Codec<std::string> {
  static constexpr Oid oid = oid::inferred;
  static constexpr std::string_view name = "std::string";
  static void encode(const std::string& value, Buffer& out) { Codec<std::string_view>::encode(value, out); }
  static std::string decode(std::string_view text) { return std::string(text); }
};

/// nullptr is NULL.
template <>
struct Codec<const char*> {
  static constexpr Oid oid = oid::inferred;
  static bool is_null(const char* value) { return value == nullptr; }
  static void encode(const char* value, Buffer& out) { out.append(value); }
};
template <>
struct Codec<char*> : Codec<const char*> {};

/// Sent up to the first NUL, if there is one.
template <std::size_t N>
struct Codec<char[N]> {
  static constexpr Oid oid = oid::inferred;
  static void encode(const char (&value)[N], Buffer& out) {
    const std::string_view all(value, N);
    out.append(all.substr(0, all.find('\0')));
  }
};

namespace detail {
void encode_bytes(std::span<const std::byte> value, Buffer& out);
std::vector<std::byte> decode_bytes(std::string_view text);
[[noreturn]] void reject_byte_count(std::size_t wanted, std::size_t given);

template <class T>
struct BytesCodec {
  static constexpr Oid oid = oid::bytea;
  static void encode(const T& value, Buffer& out) { encode_bytes(value, out); }
  static void encode_binary(const T& value, Buffer& out) {
    const std::span<const std::byte> bytes(value);
    out.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};
}  // namespace detail

template <>
struct Codec<std::span<const std::byte>> : detail::BytesCodec<std::span<const std::byte>> {};
template <>
struct Codec<std::span<std::byte>> : detail::BytesCodec<std::span<std::byte>> {};
template <>
struct Codec<std::vector<std::byte>> : detail::BytesCodec<std::vector<std::byte>> {
  static constexpr std::string_view name = "std::vector<std::byte>";
  static std::vector<std::byte> decode(std::string_view text) { return detail::decode_bytes(text); }
};
/// Reads values of exactly N bytes.
template <std::size_t N>
struct Codec<std::array<std::byte, N>> : detail::BytesCodec<std::array<std::byte, N>> {
  static std::array<std::byte, N> decode(std::string_view text) {
    const std::vector<std::byte> bytes = detail::decode_bytes(text);
    if (bytes.size() != N) detail::reject_byte_count(N, bytes.size());
    std::array<std::byte, N> result;
    for (std::size_t i = 0; i < N; ++i) result[i] = bytes[i];
    return result;
  }
};

template <>
struct Codec<Uuid> {
  static constexpr Oid oid = oid::uuid;
  static void encode(const Uuid& value, Buffer& out) { out.append(value.to_string()); }
  static Uuid decode(std::string_view text) {
    if (const std::optional<Uuid> uuid = Uuid::parse(text)) return *uuid;
    detail::reject_text("not a UUID", text);
  }
};

template <>
struct Codec<Json> {
  static constexpr Oid oid = oid::jsonb;
  static constexpr bool accepts(Oid column) { return column == oid::jsonb || column == oid::json; }
  static void encode(const Json& value, Buffer& out) { Codec<std::string_view>::encode(value.text, out); }
  static Json decode(std::string_view text) { return Json{std::string(text)}; }
};

/// NULL when empty.
template <class T>
struct Codec<std::optional<T>> {
  static constexpr Oid oid = Codec<T>::oid;
  static Oid oid_of(const std::optional<T>& value) { return value ? detail::oid_of<T>(*value) : oid; }
  static constexpr bool accepts(Oid column) { return detail::accepts<T>(column); }
  static bool is_null(const std::optional<T>& value) { return !value || detail::is_null<T>(*value); }
  static std::optional<T> null() { return std::nullopt; }
  static void encode(const std::optional<T>& value, Buffer& out) requires Encodable<T> {
    Codec<T>::encode(*value, out);
  }
  static void encode_binary(const std::optional<T>& value, Buffer& out) requires requires {
    Codec<T>::encode_binary(*value, out);
  }
  { Codec<T>::encode_binary(*value, out); }
  static std::optional<T> decode(std::string_view text) requires Decodable<T> {
    return Codec<T>::decode(text);
  }
};

template <>
struct Codec<std::nullptr_t> {
  static constexpr Oid oid = oid::inferred;
  static bool is_null(std::nullptr_t) { return true; }
  static void encode(std::nullptr_t, Buffer&) {}
};
template <>
struct Codec<std::nullopt_t> {
  static constexpr Oid oid = oid::inferred;
  static bool is_null(std::nullopt_t) { return true; }
  static void encode(std::nullopt_t, Buffer&) {}
};

}  // namespace copg
#pragma GCC visibility pop
