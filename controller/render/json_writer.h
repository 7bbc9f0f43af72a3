#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "model/time.h"

namespace weir {

/// Appends compact JSON to a string without building a document first: thousands of records are written every tick. Text that is
/// not UTF-8 (the output of foreign programs) has U+FFFD in the place of each bad byte, numbers that are not finite become null:
/// whatever is given, the result is valid JSON if every begin has its end.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  /// `name` is ours and plain: it is written as it is.
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(double number);
  void value(std::same_as<bool> auto flag) { raw(flag ? "true" : "false"); }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void value(T number) {
    if constexpr (std::unsigned_integral<T>) {
      unsigned_number(number);
    } else {
      signed_number(number);
    }
  }
  /// RFC 3339 in UTC with milliseconds; clamped to the years 0000 to 9999.
  void value(TimePoint time);
  template <typename T>
  void value(const std::optional<T>& maybe) {
    if (maybe) {
      value(*maybe);
    } else {
      null();
    }
  }
  void null() { raw("null"); }
  /// A value that is JSON already.
  void raw(std::string_view json);

  template <typename T>
  void field(std::string_view name, const T& content) {
    key(name);
    value(content);
  }
  /// Nothing at all for what is absent, empty, zero or false.
  template <typename T>
  void field_if(std::string_view name, const T& content) {
    if constexpr (requires { content.empty(); }) {
      if (content.empty()) return;
    } else if constexpr (requires { content.has_value(); }) {
      if (!content.has_value()) return;
    } else {
      if (content == T{}) return;
    }
    field(name, content);
  }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void signed_number(long long number);
  void unsigned_number(unsigned long long number);

  std::string& out_;
  bool comma_ = false;
};

}  // namespace weir
