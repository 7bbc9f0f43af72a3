#include "controller/delivery/notifications.h"

#include <algorithm>
#include <utility>

#include "platform/api_client.h"

namespace weir {
namespace {

/// The wall clock may be set, so it is looked at again at least so often.
constexpr Duration kLongestRest{5000};
constexpr Duration kShortestRest{10};

}  // namespace

Notifications::Notifications(Ports ports)
    : ports_(std::move(ports)), worker_([this](const std::stop_token& stop) { work(stop); }) {}

Notifications::~Notifications() { stop(Duration{0}); }

Notifications::Mailboxes Notifications::mailboxes_for(const NotificationRules& rules) {
  Mailboxes made;
  for (const ReceiverSpec& spec : rules.receivers) {
    const auto old = mailboxes_.find(spec.name);
    if (old != mailboxes_.end() && old->second->spec() == spec) {
      made[spec.name] = std::move(old->second);
      mailboxes_.erase(old);
      continue;
    }
    const ReceiverType* type = receiver_type(spec.type);
    if (type == nullptr) continue;  // the configuration knows all types
    made[spec.name] = std::make_unique<Mailbox>(spec, type->make(spec, ports_.network),
                                                Mailbox::Surroundings{ports_.log, ports_.waiting, ports_.events});
  }
  return made;
}

void Notifications::configure(const NotificationRules& rules, const std::set<std::string>& sources) {
  std::vector<std::unique_ptr<Mailbox>> gone;
  {
    const std::lock_guard lock(mutex_);
    Mailboxes made = mailboxes_for(rules);
    gone = std::exchange(retired_, {});
    for (auto& [name, mailbox] : mailboxes_) retired_.push_back(std::move(mailbox));
    mailboxes_ = std::move(made);
    Router router(rules.routes, rules.controller);
    router.take_over(std::move(router_));
    router_ = std::move(router);
    add(conditions_.forget_all_but(sources, ports_.clock.now()));
    // For routes that are new; the others know.
    add(conditions_.holding());
  }
  changed_.notify_all();
  // Those that were retired by the reload before this one end here, outside the lock.
}

void Notifications::tell(News news) {
  {
    const std::lock_guard lock(mutex_);
    add(conditions_.update(std::move(news)));
    if (!news_) return;
  }
  changed_.notify_all();
}

/// Called under the mutex.
void Notifications::add(const std::vector<Event>& events) {
  const TimePoint now = ports_.clock.now();
  for (const Event& event : events) router_.add(event, now);
  news_ |= !events.empty();
}

/// Called under the mutex; mailboxes take it at once or not at all.
void Notifications::post(std::vector<Parcel> parcels) {
  for (Parcel& parcel : parcels) {
    const auto mailbox = mailboxes_.find(parcel.receiver);
    if (mailbox != mailboxes_.end()) mailbox->second->put(std::move(parcel.message));
  }
}

void Notifications::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    news_ = false;
    const TimePoint now = ports_.clock.now();
    post(router_.due(now));
    const auto next = router_.next(now);
    if (!next) {
      (void)changed_.wait(lock, stop, [this] { return news_; });
    } else {
      const Duration rest = std::clamp<Duration>(*next - now, kShortestRest, kLongestRest);
      (void)changed_.wait_for(lock, stop, rest, [this] { return news_; });
    }
  }
}

void Notifications::stop(Duration patience) {
  if (!worker_.joinable()) return;
  const auto until = std::chrono::steady_clock::now() + patience;
  worker_.request_stop();
  worker_.join();
  Mailboxes mailboxes;
  std::vector<std::unique_ptr<Mailbox>> retired;
  {
    const std::lock_guard lock(mutex_);
    post(router_.flush(ports_.clock.now()));
    mailboxes = std::exchange(mailboxes_, {});
    retired = std::exchange(retired_, {});
  }
  for (const auto& [name, mailbox] : mailboxes) mailbox->settle(until);
}

}  // namespace weir
