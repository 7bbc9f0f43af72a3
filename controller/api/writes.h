#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controller/api/http.h"
#include "model/error.h"
#include "model/observation.h"
#include "model/time.h"

namespace weir {

/// One attempt to change something, for the record of who did what.
struct ApiWrite {
  std::string what;    ///< scale, pause, resume, deploy, promote or abort
  std::string group;   ///< as it was named; need not exist
  std::string remote;  ///< address of the client; empty if not known
  std::string by;      ///< who it said it is; empty if it was refused before that was read
  std::string order;   ///< what was ordered, in words; likewise
  int status = 0;
  std::string refusal;  ///< empty: it was accepted
};

/// Where writes go. Thread-safe; answers at once.
class ApiControl {
 public:
  ApiControl() = default;
  ApiControl(const ApiControl&) = delete;
  ApiControl& operator=(const ApiControl&) = delete;
  virtual ~ApiControl() = default;

  /// The bearer token that every write needs; empty: none is allowed. Secret.
  [[nodiscard]] virtual std::string token() const = 0;
  [[nodiscard]] virtual TimePoint now() const = 0;
  /// Hands the order to the group. Errors: not_found, invalid (the group cannot do that, and why), unavailable (not at this
  /// moment).
  [[nodiscard]] virtual Result<void> order(const std::string& group, const Order& order) = 0;
  /// Told of every write, accepted or not.
  virtual void written(const ApiWrite& write) = 0;
};

/// Why the request may not write: 403 if nobody may for want of a token, 401 if this one shows none or a wrong one. Takes equally
/// long whatever part of the token is right.
[[nodiscard]] std::optional<ApiResponse> unauthorized(const ApiRequest& request, std::string_view token);

/// Where an order of this kind is posted, below a group's own path: "/scale", "/deploys/current/abort".
[[nodiscard]] std::string_view order_path(Order::Kind kind);
/// The inverse; nothing for any other path.
[[nodiscard]] std::optional<Order::Kind> order_at(std::string_view path);

/// What a body orders: {"servers","for","by"}, {"direction","for","by"}, {"version","strategy","by"}, {"by"}; an empty body is an
/// empty object. Errors: invalid,
/// naming the field and what it should be.
[[nodiscard]] Result<Order> parse_order(Order::Kind kind, std::string_view body, TimePoint now);

/// Answers POST of an order to its path below /v1/groups/GROUP: 202 with the order as it was taken, or a problem.
[[nodiscard]] ApiResponse take_order(const ApiRequest& request, const std::string& group, Order::Kind kind, ApiControl& control);

}  // namespace weir
