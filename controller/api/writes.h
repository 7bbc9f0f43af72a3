#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controller/api/http.h"
#include "controller/config/access.h"
#include "model/error.h"
#include "model/observation.h"
#include "model/time.h"

namespace weir {

/// One attempt to change something, for the record of who did what.
struct ApiWrite {
  std::string what;    ///< scale, pause, resume, deploy, promote or abort
  std::string group;   ///< as it was named; need not exist
  std::string remote;  ///< address of the client; empty if not known
  std::string token;   ///< the name of the token it showed; empty if it was refused for that
  std::string by;      ///< who it said it is; empty if it was refused before that was read
  std::string order;   ///< what was ordered, in words; likewise
  int status = 0;
  std::string refusal;  ///< empty: it was accepted
};

/// Where writes go. Thread-safe; does not block.
class ApiControl {
 public:
  ApiControl() = default;
  ApiControl(const ApiControl&) = delete;
  ApiControl& operator=(const ApiControl&) = delete;
  virtual ~ApiControl() = default;

  /// Who may do what.
  [[nodiscard]] virtual std::shared_ptr<const ApiAccess> access() const = 0;
  /// A request came from this address: nothing if it may pass, else how long that peer is to wait.
  [[nodiscard]] virtual std::optional<Duration> admit(const std::string& remote) = 0;
  /// A wrong token came from this address: nothing if it is answered like others, else how long that peer is to wait.
  [[nodiscard]] virtual std::optional<Duration> wrong_token(const std::string& remote) = 0;
  [[nodiscard]] virtual TimePoint now() const = 0;
  /// Called once, by any thread, at the latest after a few seconds.
  using Ordered = std::function<void(Result<void>)>;
  /// Hands the order to the group and tells once it is on disk, so that it outlives a crash. Errors: not_found, invalid (the group
  /// cannot do that, and why), unavailable (not at this moment, or it could not be saved).
  virtual void order(const std::string& group, const Order& order, Ordered ordered) = 0;
  /// Told of every write, accepted or not.
  virtual void written(const ApiWrite& write) = 0;
};

/// Where an order of this kind is posted, below a group's own path: "/scale", "/deploys/current/abort".
[[nodiscard]] std::string_view order_path(Order::Kind kind);
/// The inverse; nothing for any other path.
[[nodiscard]] std::optional<Order::Kind> order_at(std::string_view path);

/// What a body orders: {"servers","for","by"}, {"direction","for","by"}, {"version","strategy","by"}, {"by"}; an empty body is an
/// empty object. Errors: invalid,
/// naming the field and what it should be.
[[nodiscard]] Result<Order> parse_order(Order::Kind kind, std::string_view body, TimePoint now);

/// Answers POST of an order to its path below /v1/groups/GROUP: 202 with the order as it was taken and saved, or a problem.
/// `control` must be there until the reply.
void take_order(const ApiRequest& request, const std::string& group, Order::Kind kind, ApiControl& control, const ApiReply& reply);

}  // namespace weir
