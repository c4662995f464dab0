// Writes JSON, piece by piece. Knows nothing of what it writes.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace copg::monitor {

class Json {
 public:
  /// Within an object: the name of what comes next.
  Json& key(std::string_view name) {
    separate();
    quote(name);
    text_ += ':';
    separated_ = true;
    return *this;
  }
  template <class Value>
  Json& member(std::string_view name, const Value& value) {
    key(name).value(value);
    return *this;
  }

  template <class Body>
  void object(Body body) {
    nest('{', '}', std::move(body));
  }
  template <class Body>
  void array(Body body) {
    nest('[', ']', std::move(body));
  }

  void value(std::string_view text) {
    separate();
    quote(text);
  }
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool truth) {
    separate();
    text_ += truth ? "true" : "false";
  }
  template <std::integral Number>
  void value(Number number) {
    separate();
    fmt::format_to(std::back_inserter(text_), "{}", number);
  }
  /// Six digits are enough for a figure.
  void value(double number) {
    separate();
    fmt::format_to(std::back_inserter(text_), "{:.6g}", number);
  }
  /// In seconds.
  void value(std::chrono::nanoseconds time) { value(std::chrono::duration<double>(time).count()); }
  /// In seconds since 1970, to the millisecond.
  void value(std::chrono::system_clock::time_point time) {
    separate();
    fmt::format_to(std::back_inserter(text_), "{:.3f}",
                   std::chrono::duration<double>(time.time_since_epoch()).count());
  }
  template <class Value>
  void value(const std::optional<Value>& maybe) {
    if (maybe) return value(*maybe);
    null();
  }
  void null() {
    separate();
    text_ += "null";
  }

  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  template <class Body>
  void nest(char open, char close, Body body) {
    separate();
    text_ += open;
    separated_ = true;
    body();
    text_ += close;
    separated_ = false;
  }
  void separate() {
    if (!separated_) text_ += ',';
    separated_ = false;
  }
  /// Escaped, in one line. What is no UTF-8 becomes U+FFFD: texts come from the program and the server.
  void quote(std::string_view text);

  std::string text_;
  bool separated_ = true;
};

}  // namespace copg::monitor
