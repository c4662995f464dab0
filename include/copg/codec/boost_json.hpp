// boost::json::value, object and array as jsonb. Not part of copg.hpp: include it where they are used. The
// program links Boost.JSON, or includes <boost/json/src.hpp> in one of its files.
#pragma once

#include <copg/codec/codec.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <string_view>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

template <>
struct Codec<boost::json::value> {
  static constexpr Oid oid = oid::jsonb;
  static constexpr std::string_view name = "boost::json::value";
  static constexpr bool accepts(Oid column) { return column == oid::jsonb || column == oid::json; }
  static void encode(const boost::json::value& value, Buffer& out) {
    out.append(boost::json::serialize(value));
  }
  static boost::json::value decode(std::string_view text) {
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
    if (error) detail::reject_text("not JSON (" + error.message() + ")", text);
    return value;
  }
};

/// Anything but an object is a DataError.
template <>
struct Codec<boost::json::object> : Codec<boost::json::value> {
  static constexpr std::string_view name = "boost::json::object";
  static void encode(const boost::json::object& value, Buffer& out) {
    out.append(boost::json::serialize(value));
  }
  static boost::json::object decode(std::string_view text) {
    boost::json::value value = Codec<boost::json::value>::decode(text);
    if (!value.is_object()) detail::reject_text("not an object of JSON", text);
    return std::move(value.get_object());
  }
};

/// Anything but an array is a DataError.
template <>
struct Codec<boost::json::array> : Codec<boost::json::value> {
  static constexpr std::string_view name = "boost::json::array";
  static void encode(const boost::json::array& value, Buffer& out) {
    out.append(boost::json::serialize(value));
  }
  static boost::json::array decode(std::string_view text) {
    boost::json::value value = Codec<boost::json::value>::decode(text);
    if (!value.is_array()) detail::reject_text("not an array of JSON", text);
    return std::move(value.get_array());
  }
};

}  // namespace copg
#pragma GCC visibility pop
