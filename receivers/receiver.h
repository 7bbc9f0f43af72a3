#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/event.h"
#include "model/settings.h"
#include "model/time.h"

namespace weir {

/// How one attempt to tell a message ended.
struct Attempt {
  /// Errors: unavailable (later it may work), cancelled; all others stay however often it is tried.
  Result<void> result;
  /// What the other side asked to be left alone for.
  std::optional<Duration> retry_after = {};
};

/// Who is told: one place that people or programs look at. Called by one thread at a time.
class Receiver {
 public:
  Receiver() = default;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  virtual ~Receiver() = default;

  /// Tells it once and waits for the answer, no longer than the receiver's timeout. Told again after an answer that was lost it
  /// may say the same twice. No error holds a secret.
  [[nodiscard]] virtual Attempt send(const Message& message, const std::stop_token& stop) = 0;
};

struct Network;  // platform/api_client.h

/// A receiver as configured: its type's own table has checked `settings`.
struct ReceiverSpec {
  std::string name;
  std::string type;
  Settings settings;
  bool operator==(const ReceiverSpec&) const = default;
};

/// One kind of receiver. The list of all is catalog.cpp.
struct ReceiverType {
  std::string_view name;
  std::string_view doc;
  std::span<const Key> keys;  ///< besides those of receiver_keys() and `type`
  /// Checks beyond the table. Never touches the outside.
  std::vector<SettingsError> (*check)(const Settings& settings) = nullptr;
  /// It keeps conditions itself and forgets those that it is not told of again so often; 0: it does not. It groups, holds back and
  /// repeats by itself, too.
  Duration refresh{0};
  /// `network` outlives the receiver.
  std::unique_ptr<Receiver> (*make)(const ReceiverSpec& spec, Network& network) = nullptr;
};

/// What every receiver has besides its type's keys and `type`.
[[nodiscard]] std::span<const Key> receiver_keys();

/// All kinds of receiver.
[[nodiscard]] std::span<const ReceiverType> receiver_catalog();

/// The kind of that name; nullptr: there is none.
[[nodiscard]] const ReceiverType* receiver_type(std::string_view name);

}  // namespace weir
