#include "controller/delivery/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/fakes/waiting_clock.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Outcome = DeliveryEvents::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr auto kPatience = 60s;

/// Answers as it is told; may be held.
class FakeReceiver final : public Receiver {
 public:
  struct Shared {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<Attempt> answers;  ///< then success
    int attempts = 0;
    bool held = false;
    std::vector<std::string> told;
  };
  explicit FakeReceiver(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  Attempt send(const Message& message, const std::stop_token& stop) override {
    std::unique_lock lock(shared_->mutex);
    ++shared_->attempts;
    shared_->changed.notify_all();
    if (!shared_->changed.wait(lock, stop, [&] { return !shared_->held; })) return {failure(ErrorKind::cancelled, "stopped")};
    if (shared_->answers.empty()) {
      shared_->told.push_back(message.events.front().summary);
      return {{}};
    }
    Attempt answer = shared_->answers.front();
    shared_->answers.pop_front();
    return answer;
  }

 private:
  std::shared_ptr<Shared> shared_;
};

class MailboxTest : public testing::Test {
 protected:
  MailboxTest() { testing::internal::CaptureStderr(); }
  ~MailboxTest() override {
    mailbox_.reset();
    if (!captured_) (void)testing::internal::GetCapturedStderr();
  }

  void open(Mailbox::Options options = {}) {
    options.random = [] { return 1.0; };
    ReceiverSpec spec{.name = "ops", .type = "fake", .settings = {}};
    spec.settings.set("retry_for", Duration(10min));
    mailbox_ = std::make_unique<Mailbox>(spec, std::make_unique<FakeReceiver>(shared_),
                                         Mailbox::Surroundings{log_, clock_, events_}, options);
  }
  static Message message(const std::string& summary) { return {.events = {{.summary = summary}}, .controller = "weir"}; }
  static Attempt again(std::optional<Duration> after = {}) { return {failure(ErrorKind::unavailable, "503"), after}; }
  static Attempt refused() { return {failure(ErrorKind::denied, "403: no")}; }

  void will_answer(std::vector<Attempt> answers) {
    const std::lock_guard lock(shared_->mutex);
    shared_->answers.assign(answers.begin(), answers.end());
  }
  void hold(bool held) {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->held = held;
    }
    shared_->changed.notify_all();
  }
  bool attempted(int times) {
    return wait_until(kPatience, [&] {
      const std::lock_guard lock(shared_->mutex);
      return shared_->attempts >= times;
    });
  }
  bool ended(Outcome outcome, int times) {
    return wait_until(kPatience, [&] { return count(outcome) >= times; });
  }
  int count(Outcome outcome) {
    const std::lock_guard lock(mutex_);
    return counts_[outcome];
  }
  std::vector<std::string> told() {
    const std::lock_guard lock(shared_->mutex);
    return shared_->told;
  }
  /// All of it; only once.
  std::string logged() {
    mailbox_.reset();
    captured_ = true;
    return testing::internal::GetCapturedStderr();
  }
  static int times(const std::string& text, const std::string& what) {
    int found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  }

  std::shared_ptr<FakeReceiver::Shared> shared_ = std::make_shared<FakeReceiver::Shared>();
  std::mutex mutex_;
  std::map<Outcome, int> counts_;
  std::size_t most_queued_ = 0;
  DeliveryEvents events_{.ended =
                             [this](const std::string&, Outcome outcome) {
                               const std::lock_guard lock(mutex_);
                               ++counts_[outcome];
                             },
                         .queued =
                             [this](const std::string&, std::size_t waiting) {
                               const std::lock_guard lock(mutex_);
                               most_queued_ = std::max(most_queued_, waiting);
                             }};
  const Log log_{Log::Format::text};
  ImpatientClock clock_;
  std::unique_ptr<Mailbox> mailbox_;
  bool captured_ = false;
};

TEST_F(MailboxTest, hands_over_in_order) {
  open();
  for (const char* text : {"a", "b", "c"}) mailbox_->put(message(text));
  ASSERT_TRUE(ended(Outcome::delivered, 3));
  EXPECT_THAT(told(), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(wait_until(kPatience, [&] { return mailbox_->is_settled(); }));
}

TEST_F(MailboxTest, tries_again_after_ever_longer_waits) {
  will_answer({again(), again(), again()});
  open();
  mailbox_->put(message("a"));
  ASSERT_TRUE(ended(Outcome::delivered, 1));
  EXPECT_THAT(clock_.waits(), ElementsAre(1s, 2s, 4s));
  EXPECT_THAT(told(), ElementsAre("a"));
}

TEST_F(MailboxTest, waits_as_long_as_it_is_asked_to) {
  will_answer({again(90s)});
  open();
  mailbox_->put(message("a"));
  ASSERT_TRUE(ended(Outcome::delivered, 1));
  EXPECT_THAT(clock_.waits(), ElementsAre(90s));
}

TEST_F(MailboxTest, gives_up_when_its_time_is_over_and_says_so_once) {
  will_answer(std::vector<Attempt>(100, again()));
  open();
  mailbox_->put(message("a"));
  ASSERT_TRUE(ended(Outcome::failed, 1));
  Duration waited{0};
  for (const auto wait : clock_.waits()) waited += wait;
  EXPECT_LE(waited, 10min);
  EXPECT_GT(waited, 8min);
  mailbox_->put(message("b"));
  ASSERT_TRUE(ended(Outcome::failed, 2));
  EXPECT_EQ(times(logged(), "event=notification_failed"), 1);
}

TEST_F(MailboxTest, does_not_repeat_what_was_refused) {
  will_answer({refused()});
  open();
  mailbox_->put(message("a"));
  ASSERT_TRUE(ended(Outcome::failed, 1));
  mailbox_->put(message("b"));
  ASSERT_TRUE(ended(Outcome::delivered, 1));
  EXPECT_THAT(told(), ElementsAre("b"));
  EXPECT_TRUE(clock_.waits().empty());
  const std::string text = logged();
  EXPECT_THAT(text, HasSubstr("event=notification_failed receiver=ops error=\"403: no\""));
  EXPECT_THAT(text, HasSubstr("event=notifications_work_again receiver=ops"));
}

TEST_F(MailboxTest, whoever_failed_one_message_is_not_hurried_with_the_next) {
  will_answer(std::vector<Attempt>(20, again()));
  open({.longest_delay = 60s});
  mailbox_->put(message("a"));
  ASSERT_TRUE(ended(Outcome::failed, 1));
  const std::size_t before = clock_.waits().size();
  mailbox_->put(message("b"));
  ASSERT_TRUE(ended(Outcome::delivered, 1));
  ASSERT_GT(clock_.waits().size(), before);
  EXPECT_EQ(clock_.waits()[before], 60s);
}

TEST_F(MailboxTest, a_full_queue_takes_no_more_counts_and_says_so_once) {
  hold(true);
  open({.most_waiting = 3});
  mailbox_->put(message("under way"));
  ASSERT_TRUE(attempted(1));
  for (int i = 0; i < 10; ++i) mailbox_->put(message("m" + std::to_string(i)));
  EXPECT_EQ(count(Outcome::dropped), 7);
  EXPECT_EQ(most_queued_, 3U);
  hold(false);
  ASSERT_TRUE(ended(Outcome::delivered, 4));
  EXPECT_THAT(told(), ElementsAre("under way", "m0", "m1", "m2"));
  EXPECT_EQ(times(logged(), "event=notifications_dropped"), 1);
}

TEST_F(MailboxTest, stops_while_a_receiver_does_not_answer_and_counts_what_it_lost) {
  hold(true);
  open();
  mailbox_->put(message("under way"));
  ASSERT_TRUE(attempted(1));
  mailbox_->put(message("waiting"));
  EXPECT_FALSE(mailbox_->is_settled());
  mailbox_.reset();
  EXPECT_EQ(count(Outcome::dropped), 2);
}

}  // namespace
}  // namespace weir
