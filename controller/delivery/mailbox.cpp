#include "controller/delivery/mailbox.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace weir {
namespace {

using Outcome = DeliveryEvents::Outcome;

double system_random() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

/// Doubling beyond this would only overflow.
constexpr int kMostDoublings = 20;

}  // namespace

Mailbox::Mailbox(ReceiverSpec spec, std::unique_ptr<Receiver> receiver, Surroundings surroundings, Options options)
    : spec_(std::move(spec)),
      receiver_(std::move(receiver)),
      surroundings_(surroundings),
      options_(std::move(options)),
      worker_([this](const std::stop_token& stop) { work(stop); }) {}

Mailbox::Mailbox(ReceiverSpec spec, std::unique_ptr<Receiver> receiver, Surroundings surroundings)
    : Mailbox(std::move(spec), std::move(receiver), surroundings, Options{}) {}

Mailbox::~Mailbox() {
  worker_.request_stop();
  worker_.join();
  for (std::size_t left = waiting_.size(); left > 0; --left) count(Outcome::dropped);
  if (!waiting_.empty()) {
    surroundings_.log.warning("notifications_dropped", {{"receiver", spec_.name},
                                                        {"messages", std::to_string(waiting_.size())},
                                                        {"why", "weir stopped, or the receiver is configured otherwise now"}});
  }
  tell_waiting(0);
}

void Mailbox::put(Message message) {
  bool newly_full = false;
  std::size_t waiting = 0;
  bool taken = false;
  {
    const std::lock_guard lock(mutex_);
    taken = waiting_.size() < options_.most_waiting;
    newly_full = !taken && !std::exchange(full_, true);
    if (taken) waiting_.push_back(std::move(message));
    waiting = waiting_.size();
  }
  changed_.notify_all();
  tell_waiting(waiting);
  if (taken) return;
  count(Outcome::dropped);
  if (!newly_full) return;
  surroundings_.log.error("notifications_dropped",
                          {{"receiver", spec_.name},
                           {"waiting", std::to_string(waiting)},
                           {"consequence", "it takes nothing, and what comes now is lost to it; weir goes on as before"}});
}

bool Mailbox::is_settled() const {
  const std::lock_guard lock(mutex_);
  return trouble_ || (waiting_.empty() && !busy_);
}

void Mailbox::settle(std::chrono::steady_clock::time_point until) const {
  std::unique_lock lock(mutex_);
  (void)changed_.wait_until(lock, until, [this] { return trouble_ || (waiting_.empty() && !busy_); });
}

void Mailbox::work(const std::stop_token& stop) {
  Message message;
  while (take(message, stop)) {
    deliver(message, stop);
    {
      const std::lock_guard lock(mutex_);
      busy_ = false;
    }
    changed_.notify_all();
  }
}

bool Mailbox::take(Message& message, const std::stop_token& stop) {
  std::size_t waiting = 0;
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !waiting_.empty(); }) || stop.stop_requested()) return false;
    message = std::move(waiting_.front());
    waiting_.pop_front();
    busy_ = true;
    full_ = false;
    waiting = waiting_.size();
  }
  tell_waiting(waiting);
  return true;
}

void Mailbox::deliver(const Message& message, const std::stop_token& stop) {
  const WaitingClock::Moment deadline = surroundings_.clock.now() + spec_.settings.duration("retry_for");
  for (;;) {
    const Attempt attempt = receiver_->send(message, stop);
    if (attempt.result) return succeeded();
    const Error& error = attempt.result.error();
    if (stop.stop_requested() || error.kind == ErrorKind::cancelled) return count(Outcome::dropped);
    ++failures_;
    in_trouble(true);
    const bool may_pass = error.kind == ErrorKind::unavailable || error.kind == ErrorKind::out_of_capacity;
    if (!may_pass) return failed(error);
    if (!rest(attempt, deadline, stop)) return stop.stop_requested() ? count(Outcome::dropped) : failed(error);
  }
}

/// Longer each time, also across messages: who does not answer one will not answer the next at once. False: there is no time left.
bool Mailbox::rest(const Attempt& attempt, WaitingClock::Moment deadline, const std::stop_token& stop) {
  const Duration doubled = options_.first_delay * (1LL << std::min(failures_ - 1, kMostDoublings));
  const Duration longest = std::min(doubled, options_.longest_delay);
  const double share = 0.5 + 0.5 * (options_.random ? options_.random() : system_random());
  Duration delay(static_cast<Duration::rep>(static_cast<double>(longest.count()) * share));
  if (attempt.retry_after) delay = std::max(delay, *attempt.retry_after);
  const WaitingClock::Moment next = surroundings_.clock.now() + delay;
  return next <= deadline && surroundings_.clock.wait_until(next, stop);
}

void Mailbox::succeeded() {
  failures_ = 0;
  in_trouble(false);
  if (std::exchange(told_, false)) surroundings_.log.info("notifications_work_again", {{"receiver", spec_.name}});
  count(Outcome::delivered);
}

void Mailbox::failed(const Error& error) {
  count(Outcome::failed);
  if (std::exchange(told_, true)) return;
  surroundings_.log.error("notification_failed",
                          {{"receiver", spec_.name},
                           {"error", error.message},
                           {"consequence", "it was not told; further failures are counted in weir_notifications_total only"}});
}

void Mailbox::in_trouble(bool trouble) {
  {
    const std::lock_guard lock(mutex_);
    trouble_ = trouble;
  }
  changed_.notify_all();
}

void Mailbox::tell_waiting(std::size_t waiting) const {
  if (surroundings_.events.queued) surroundings_.events.queued(spec_.name, waiting);
}

void Mailbox::count(Outcome outcome) const {
  if (surroundings_.events.ended) surroundings_.events.ended(spec_.name, outcome);
}

}  // namespace weir
