#pragma once

#include <expected>
#include <string>
#include <utility>

namespace weir {

/// What the caller can do about a failure. One kind, one reaction.
enum class ErrorKind {
  invalid,          ///< the request itself is wrong; repeating it cannot help
  not_found,        ///< the thing named does not exist (for a removal: already done)
  out_of_capacity,  ///< the provider has no room (quota, sold out); back off or go elsewhere
  unavailable,      ///< no usable answer; the outcome of a change is unknown, repeat it safely later
  denied,           ///< credentials or permissions; a human has to act
  cancelled,        ///< we were asked to stop
};

/// An expected failure, as a value. `message` says what was tried, with what, and what happened; it never holds a secret.
struct Error {
  ErrorKind kind = ErrorKind::unavailable;
  std::string message;
  bool operator==(const Error&) const = default;
};

/// A value or an expected failure.
template <typename T>
using Result = std::expected<T, Error>;

/// Shorthand for `return failure(ErrorKind::invalid, "…")` in any function that returns a Result.
[[nodiscard]] inline std::unexpected<Error> failure(ErrorKind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

}  // namespace weir
