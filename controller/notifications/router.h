#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/notifications/quiet_hours.h"
#include "model/event.h"

namespace weir {

/// At most so many messages within any span of `per`; what comes meanwhile is told together afterwards.
struct MessageLimit {
  int messages = 1;
  Duration per{3'600'000};
  bool operator==(const MessageLimit&) const = default;
};

/// Which events go to a receiver, and when. An event goes along every route that it fits.
struct Route {
  enum class GroupBy {
    group,    ///< one message for each group
    event,    ///< one for each kind of event
    all,      ///< all together
    nothing,  ///< each event by itself
  };
  std::string receiver;
  Severity severity = Severity::info;    ///< the least that is told
  std::vector<EventKind> events = {};    ///< empty: all
  std::vector<std::string> groups = {};  ///< empty: all, and what belongs to none
  GroupBy group_by = GroupBy::group;
  Duration group_wait{30'000};  ///< after the first event of a message, for further ones; what is over by then is not told at all
  std::optional<MessageLimit> limit = {};
  std::optional<QuietHours> quiet = {};
  Duration repeat{0};    ///< what still holds is told again so often; 0: never
  bool resolved = true;  ///< the end of a condition is told too
  Duration refresh{0};   ///< ReceiverType::refresh of the receiver
  bool operator==(const Route&) const = default;
};

/// Whether the event goes along the route.
[[nodiscard]] bool fits(const Route& route, const Event& event);

/// A message on its way to a receiver.
struct Parcel {
  std::string receiver;
  Message message;
};

/// Makes messages of events: groups them, holds them back while a receiver has had enough or people sleep, repeats what still
/// holds, and forgets what was over before anybody was told. Asks for no time: whoever calls it says what time it is. Pure.
class Router {
 public:
  /// `controller`: which weir speaks.
  Router(std::vector<Route> routes, std::string controller);

  /// Goes on where `old` was, along routes that are equal to one of its own.
  void take_over(Router old);

  void add(const Event& event, TimePoint now);
  /// What is to be sent now, once.
  [[nodiscard]] std::vector<Parcel> due(TimePoint now);
  /// When due() has something next, unless something is added; absent: nothing waits. Never before `now`.
  [[nodiscard]] std::optional<TimePoint> next(TimePoint now) const;
  /// Sends what waits for company, since nobody will come any more. Quiet hours and limits hold.
  [[nodiscard]] std::vector<Parcel> flush(TimePoint now);

 private:
  /// Events that go out together.
  struct Batch {
    std::vector<Event> events;
    int omitted = 0;
    TimePoint since{};
  };
  /// A condition the receiver knows of.
  struct Told {
    Event event;
    TimePoint at{};
  };
  /// All that one route remembers.
  struct Lane {
    Route route;
    std::map<std::string, Batch> waiting;  // by what they are grouped by
    std::map<std::string, Told> told;      // by condition_of()
    std::deque<TimePoint> sent;            // within the limit's span
    std::optional<TimePoint> refreshed_at;
  };

  static void add_to(Lane& lane, const Event& event, TimePoint now);
  static bool cancels(Lane& lane, const Event& event);
  static std::string key_of(const Lane& lane, const Event& event);
  static std::optional<TimePoint> ready_at(const Lane& lane, const Batch& batch, TimePoint now);
  static TimePoint allowed_at(const Lane& lane, TimePoint now);
  static std::optional<TimePoint> repeat_at(const Lane& lane, TimePoint now);
  static Batch take_ready(const Lane& lane, Batch& batch, TimePoint now);
  static void note_told(Lane& lane, const Batch& batch, TimePoint now);
  static void forget_sent(Lane& lane, TimePoint now);
  void send_waiting(Lane& lane, Duration patience, TimePoint now, std::vector<Parcel>& parcels);
  void send_repeats(Lane& lane, TimePoint now, std::vector<Parcel>& parcels);
  void send_refresh(Lane& lane, TimePoint now, std::vector<Parcel>& parcels);
  void send(Lane& lane, Batch batch, TimePoint now, std::vector<Parcel>& parcels);

  std::string controller_;
  std::vector<Lane> lanes_;
};

}  // namespace weir
