#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "controller/delivery/mailbox.h"
#include "controller/delivery/rules.h"
#include "controller/log/log.h"
#include "controller/notifications/conditions.h"
#include "controller/notifications/router.h"
#include "controller/ports/notifier.h"
#include "controller/ports/ports.h"

namespace weir {

/// The notifier of a running weir: a thread makes messages of news, and each receiver has a mailbox of its own. Thread-safe.
class Notifications final : public Notifier {
 public:
  struct Ports {
    const Clock& clock;
    Network& network;
    WaitingClock& waiting;
    const Log& log;
    DeliveryEvents events = {};
  };

  explicit Notifications(Ports ports);
  ~Notifications() override;  ///< stops without patience
  Notifications(const Notifications&) = delete;
  Notifications& operator=(const Notifications&) = delete;

  /// From now on these rules hold. Receivers that are configured as before keep what waits for them; conditions of sources other
  /// than these end.
  void configure(const NotificationRules& rules, const std::set<std::string>& sources);

  void tell(News news) override;

  /// Sends what waits for company and gives the receivers so long to take all; then stops.
  void stop(Duration patience);

 private:
  using Mailboxes = std::map<std::string, std::unique_ptr<Mailbox>>;
  void work(const std::stop_token& stop);
  void add(const std::vector<Event>& events);
  void post(std::vector<Parcel> parcels);
  [[nodiscard]] Mailboxes mailboxes_for(const NotificationRules& rules);

  const Ports ports_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool news_ = false;  ///< something was added since the thread last looked
  Conditions conditions_;
  Router router_{{}, ""};
  Mailboxes mailboxes_;
  std::vector<std::unique_ptr<Mailbox>> retired_;  ///< of receivers no longer configured so: they finish what they can
  std::jthread worker_;
};

}  // namespace weir
