// std::vector<T> as a PostgreSQL array; a vector of vectors of equal length is an array of two dimensions,
// and so on. Elements that may be NULL are optionals. Lower bounds other than 1 are accepted, but not kept.
#pragma once

#include <copg/codec/codec.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// Reads the text of an array from front to back. Throws DataError where it is malformed.
class ArrayReader {
 public:
  explicit ArrayReader(std::string_view text);
  /// Steps over an opening brace and returns true, if one is next.
  bool open();
  /// Steps over a closing brace and returns true, if one is next; else steps over the comma that must stand
  /// in front of every element but the `first`.
  bool close(bool first);
  /// The next element without its quotes, or nothing for NULL. Valid until the next call.
  std::optional<std::string_view> element();
  /// Throws DataError if any text is left.
  void end() const;
  [[noreturn]] void fail() const;

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  std::string scratch_;
};

/// Appends an element, quoted.
void append_array_element(std::string_view element, Buffer& out);
[[noreturn]] void reject_ragged_array(std::size_t first, std::size_t other);
[[noreturn]] void reject_null_element();

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <>
struct IsVector<std::vector<std::byte>> : std::false_type {};  // bytea

/// The innermost element of nested vectors.
template <class T>
struct ArrayElement {
  using Type = T;
};
template <class T>
requires(IsVector<T>::value) struct ArrayElement<T> : ArrayElement<typename T::value_type> {
};

template <class T>
bool has_elements(const std::vector<T>& array) {
  if constexpr (IsVector<T>::value) {
    for (const T& row : array) {
      if (has_elements(row)) return true;
    }
    return false;
  } else {
    return !array.empty();
  }
}

template <class T>
void encode_array(const std::vector<T>& array, Buffer& out) {
  out.push_back('{');
  bool first = true;
  for (const T& element : array) {
    if (!first) out.push_back(',');
    first = false;
    if constexpr (IsVector<T>::value) {
      if (element.size() != array.front().size()) reject_ragged_array(array.front().size(), element.size());
      encode_array(element, out);
    } else if (is_null<T>(element)) {
      out.append("NULL");
    } else {
      Buffer text;
      Codec<T>::encode(element, text);
      append_array_element(text.view(), out);
    }
  }
  out.push_back('}');
}

template <class T>
void decode_array(ArrayReader& reader, std::vector<T>& array) {
  if (!reader.open()) reader.fail();
  while (!reader.close(array.empty())) {
    if constexpr (IsVector<T>::value) {
      decode_array(reader, array.emplace_back());
      if (array.back().size() != array.front().size()) reader.fail();
    } else {
      const std::optional<std::string_view> text = reader.element();
      if (text) {
        array.push_back(Codec<T>::decode(*text));
      } else if constexpr (HoldsNull<T>) {
        array.push_back(Codec<T>::null());
      } else {
        reject_null_element();
      }
    }
  }
}

/// Widens `oid` to the type for all elements of `array`: an element's type may depend on its value.
template <class T>
void widen_element_oid(const std::vector<T>& array, Oid& oid) {
  for (const T& element : array) {
    if constexpr (IsVector<T>::value) {
      widen_element_oid(element, oid);
    } else if (!is_null<T>(element)) {
      if (const Oid own = oid_of<T>(element); oid == oid::inferred || own == oid::numeric) oid = own;
    }
  }
}

}  // namespace detail

template <class T>
requires(detail::IsVector<std::vector<T>>::value&& requires { Codec<T>::oid; }) struct Codec<std::vector<T>> {
  using Element = typename detail::ArrayElement<T>::Type;
  static constexpr Oid oid = oid::inferred;

  static Oid oid_of(const std::vector<T>& value) {
    Oid element = Codec<Element>::oid;
    if constexpr (requires(const Element& e) { Codec<Element>::oid_of(e); }) {
      element = oid::inferred;
      detail::widen_element_oid(value, element);
      if (element == oid::inferred) element = Codec<Element>::oid;
    }
    return array_of(element);
  }
  static bool accepts(Oid column) {
    if (column == oid::box_array) return false;  // the only type with semicolons between its elements
    const Oid element = element_of(column);
    // Arrays of users' types are not in the table: only an element that accepts any type can read them.
    return detail::accepts<Element>(element);
  }
  static void encode(const std::vector<T>& value, Buffer& out) requires Encodable<Element> {
    // PostgreSQL's empty array has no dimensions: {{},{}} would be refused.
    if (detail::has_elements(value)) return detail::encode_array(value, out);
    out.append("{}");
  }
  /// There is no array of views, because an element's text does not outlive the call.
  static std::vector<T> decode(std::string_view text) requires(
      Decodable<Element> && !std::same_as<Element, std::string_view> &&
      !std::same_as<Element, std::optional<std::string_view>>) {
    std::vector<T> result;
    detail::ArrayReader reader(text);
    detail::decode_array(reader, result);
    reader.end();
    return result;
  }
};

}  // namespace copg
#pragma GCC visibility pop
