#include "providers/exec/conversation.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "model/text.h"
#include "platform/child_program.h"
#include "platform/descriptor.h"
#include "providers/protocol.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;
using Id = std::uint64_t;

constexpr std::size_t kTail = 2048;         ///< of what a program says on its standard error
constexpr std::size_t kLongestQuote = 300;  ///< of it, or of a line, in a message
constexpr int kMostParts = 1024;            ///< read from a pipe after the end of its program

struct Question {
  Id id = 0;
  std::string line;
};

/// One that waits for its answer.
struct Waiting {
  bool sent = false;  ///< to the program that runs now, at least its beginning
  Moment asked{};
  std::optional<Result<Json>> answer;
};

/// How a program that is to end is brought to it.
struct Farewell {
  Moment terminate{};
  Moment kill{};
  bool terminated = false;
  bool killed = false;
  bool counted = false;  ///< as a failure, already
};

std::string line_of(Id id, const std::string& members) { return fmt::format("{{\"id\":{},{}}}\n", id, members); }

std::optional<Id> id_of(const Json& answer) {
  if (!answer.is_object()) return std::nullopt;
  const auto id = answer.find("id");
  if (id == answer.end() || !id->is_number_unsigned()) return std::nullopt;
  return id->get<Id>();
}

/// Milliseconds for poll(), from now until then.
int until(Moment then) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

/// Owns the program and the one thread that starts it, hears it and ends it. What the callers share with that thread is guarded;
/// the rest is the thread's alone.
class Conversation::Keeper {
 public:
  Keeper(ConversationOptions options, WaitingClock& clock)
      : options_(std::move(options)), clock_(clock), breaker_(options_.breaker), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    thread_ = std::thread([this] { keep(); });
  }
  ~Keeper() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  Result<Json> ask(const std::string& members, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const Id id = next_id_++;
    queue_.push_back({id, line_of(id, members)});
    Waiting& waiting = waiting_[id];  // a map's elements stay where they are
    waiting.asked = Clock::now();
    wake();
    changed_.wait_until(lock, stop, waiting.asked + options_.timeout, [&] { return waiting.answer.has_value(); });
    if (!waiting.answer) give_up(id, waiting, stop.stop_requested());
    Result<Json> answer = std::move(*waiting.answer);
    waiting_.erase(id);
    return answer;
  }

 private:
  void wake() const { (void)::eventfd_write(wake_.get(), 1); }

  // --- with the mutex held
  void give_up(Id id, Waiting& waiting, bool stopped) {
    std::erase_if(queue_, [&](const Question& question) { return question.id == id; });
    if (waiting.sent) abandoned_.insert(id);
    if (stopped) {
      waiting.answer = failure(ErrorKind::cancelled, fmt::format("{} was not waited for, we are stopping", program()));
      return;
    }
    // One that answers others is slow; one that says nothing for so long hangs.
    if (waiting.sent && last_heard_ < waiting.asked) hangs_ = true;
    waiting.answer = failure(ErrorKind::unavailable, fmt::format("{} did not answer within {}; whether it did something is unknown",
                                                                 program(), format_duration(options_.timeout)));
    wake();
  }

  enum class Which { sent, all };
  void fail(Which which, const std::string& why) {
    for (auto& [id, waiting] : waiting_) {
      if (!waiting.answer && (waiting.sent || which == Which::all)) waiting.answer = failure(ErrorKind::unavailable, why);
    }
    if (which == Which::all) queue_.clear();
    changed_.notify_all();
  }

  // --- the thread's
  [[nodiscard]] const std::string& program() const { return options_.command.front(); }

  void keep() {
    block_signals();
    while (!is_over()) {
      if (!child_) begin_if_asked();
      attend_to_time();
      wait_and_hear();
    }
  }

  static void block_signals() {
    sigset_t all;
    (void)::sigfillset(&all);
    (void)::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  }

  bool is_over() {
    const std::lock_guard lock(mutex_);
    return stopping_ && !child_;
  }

  void begin_if_asked() {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || queue_.empty()) return;
    }
    if (!breaker_.admits(clock_.now())) {
      const std::string rest = format_duration(breaker_.remaining(clock_.now()));
      return fail_locked(Which::all, fmt::format("{} is left alone for another {}: {}", program(), rest, last_trouble_));
    }
    Result<ChildProgram> started = ChildProgram::start(options_.command, options_.environment);
    if (!started) {
      failed(started.error().message);
      return fail_locked(Which::all, last_trouble_);
    }
    child_.emplace(std::move(*started));
    greet();
  }

  void greet() {
    heard_.clear();
    tail_.clear();
    farewell_.reset();
    const std::lock_guard lock(mutex_);
    abandoned_.clear();
    hangs_ = false;
    hello_ = next_id_++;
    hello_deadline_ = Clock::now() + options_.timeout;
    outgoing_ = line_of(*hello_, options_.hello);
  }

  void failed(std::string why) {
    breaker_.failed(clock_.now());
    last_trouble_ = std::move(why);
  }

  void fail_locked(Which which, const std::string& why) {
    const std::lock_guard lock(mutex_);
    fail(which, why);
  }

  void attend_to_time() {
    if (!child_) return;
    const Moment now = Clock::now();
    bool stopping = false;
    bool hangs = false;
    {
      const std::lock_guard lock(mutex_);
      stopping = stopping_;
      hangs = std::exchange(hangs_, false);
    }
    if (stopping && !farewell_) part(now + options_.grace);
    if (!farewell_ && hello_ && now >= hello_deadline_) break_off("it did not answer the greeting");
    if (!farewell_ && hangs) break_off(fmt::format("it said nothing for {}", format_duration(options_.timeout)));
    if (!farewell_) return;
    if (!farewell_->terminated && now >= farewell_->terminate) {
      farewell_->terminated = true;
      child_->signal(SIGTERM);
    }
    if (!farewell_->killed && now >= farewell_->kill) {
      farewell_->killed = true;
      child_->signal(SIGKILL);
    }
  }

  /// From now on nothing is said to the program, and nothing it says counts.
  void part(Moment terminate) {
    farewell_ = Farewell{.terminate = terminate, .kill = terminate + options_.grace};
    outgoing_.clear();
    child_->close_input();
  }

  /// It broke the rules: nobody can tell any more what its answers mean.
  void break_off(const std::string& why) {
    failed(fmt::format("{} is ended: {}{}", program(), why, said()));
    const bool greeted = !hello_;
    fail_locked(greeted ? Which::sent : Which::all, last_trouble_);
    part(Clock::now());
    farewell_->counted = true;
  }

  /// What it last said on its standard error.
  [[nodiscard]] std::string said() const {
    const std::string_view all = tail_;
    const std::string_view end = all.substr(all.size() - std::min(all.size(), kLongestQuote));
    const std::string text = quoted_line(end, kLongestQuote);
    return text.empty() ? "" : fmt::format("; it said: {}", text);
  }

  [[nodiscard]] Moment next_deadline() const {
    if (farewell_ && !farewell_->terminated) return farewell_->terminate;
    if (farewell_ && !farewell_->killed) return farewell_->kill;
    if (child_ && !farewell_ && hello_) return hello_deadline_;
    return Clock::now() + std::chrono::minutes(1);
  }

  void wait_and_hear() {
    if (child_) take_next_question();
    const int input = child_ && !outgoing_.empty() ? child_->input() : -1;
    std::array<pollfd, 5> files{{{wake_.get(), POLLIN, 0},
                                 {child_ ? child_->process() : -1, POLLIN, 0},
                                 {child_ ? child_->output() : -1, POLLIN, 0},
                                 {child_ ? child_->errors() : -1, POLLIN, 0},
                                 {input, POLLOUT, 0}}};
    if (::poll(files.data(), files.size(), until(next_deadline())) <= 0) return;
    eventfd_t count = 0;
    if (files[0].revents != 0) (void)::eventfd_read(wake_.get(), &count);
    if (!child_) return;
    if (files[3].revents != 0) hear_errors();
    if (files[2].revents != 0) hear_output();
    if (files[4].revents != 0 && !farewell_) say();
    if (files[1].revents != 0) bury();
  }

  /// After the greeting was answered, one question at a time goes out, so that one given up before is never asked.
  void take_next_question() {
    const std::lock_guard lock(mutex_);
    if (farewell_ || hello_ || !outgoing_.empty() || queue_.empty()) return;
    outgoing_ = std::move(queue_.front().line);
    waiting_.at(queue_.front().id).sent = true;
    queue_.pop_front();
  }

  void say() {
    const ssize_t count = ::write(child_->input(), outgoing_.data(), outgoing_.size());
    if (count > 0) outgoing_.erase(0, static_cast<std::size_t>(count));
    const bool closed = count < 0 && errno != EAGAIN && errno != EINTR;
    // One that ended says so itself in a moment.
    if (closed) part(Clock::now() + options_.grace);
  }

  void hear_errors() {
    std::array<char, 16384> part{};
    const ssize_t count = ::read(child_->errors(), part.data(), part.size());
    if (count == 0) return child_->close_errors();
    if (count < 0) return;
    tail_.append(part.data(), static_cast<std::size_t>(count));
    if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  }

  void hear_output() {
    std::array<char, 65536> part{};
    const ssize_t count = ::read(child_->output(), part.data(), part.size());
    if (count == 0) {
      child_->close_output();
      if (!farewell_) this->part(Clock::now() + options_.grace);
      return;
    }
    if (count < 0 || farewell_) return;
    heard_.append(part.data(), static_cast<std::size_t>(count));
    take_lines();
  }

  void take_lines() {
    std::size_t begin = 0;
    while (!farewell_) {
      const std::size_t end = heard_.find('\n', begin);
      if (end == std::string::npos) break;
      take_line(std::string_view(heard_).substr(begin, end - begin));
      begin = end + 1;
    }
    heard_.erase(0, begin);
    if (!farewell_ && heard_.size() > options_.longest_line) {
      break_off(fmt::format("it wrote a line of more than {} bytes", options_.longest_line));
    }
  }

  void take_line(std::string_view line) {
    Json answer = Json::parse(line, nullptr, false);
    const std::optional<Id> id = id_of(answer);
    if (!id) {
      return break_off(fmt::format("it wrote a line that is no answer (a JSON object with the id of a request): {}",
                                   quoted_line(line, kLongestQuote)));
    }
    if (hello_) return take_greeting(*id, answer);
    if (!deliver(*id, std::move(answer))) return break_off(fmt::format("it answered {}, which is no open request", *id));
    breaker_.succeeded();
  }

  void take_greeting(Id id, const Json& answer) {
    if (id != *hello_) return break_off("it answered another request before the greeting");
    const auto error = answer.find("error");
    if (error != answer.end()) {
      return break_off(fmt::format("it refused the greeting: {}",
                                   quoted_line(error->dump(-1, ' ', false, Json::error_handler_t::replace), kLongestQuote)));
    }
    const auto protocol = answer.find("protocol");
    if (protocol == answer.end() || *protocol != options_.protocol) {
      return break_off(fmt::format("its answer to the greeting does not say that it speaks protocol {}", options_.protocol));
    }
    hello_.reset();
  }

  /// False: nobody asked, or the answer was there already.
  bool deliver(Id id, Json answer) {
    const std::lock_guard lock(mutex_);
    last_heard_ = Clock::now();
    const auto waiting = waiting_.find(id);
    const bool open = waiting != waiting_.end() && waiting->second.sent && !waiting->second.answer;
    if (!open) return abandoned_.erase(id) != 0;
    waiting->second.answer = std::move(answer);
    changed_.notify_all();
    return true;
  }

  /// The program has ended. What it wrote before still counts.
  void bury() {
    const std::string end = child_->reap();
    // Not for ever: a process that it left behind may write on.
    for (int part = 0; part < kMostParts && !farewell_ && has_more(child_->output()); ++part) hear_output();
    for (int part = 0; part < kMostParts && has_more(child_->errors()); ++part) hear_errors();
    const std::string ended = fmt::format("{} {}{}", program(), end, said());
    child_.reset();
    outgoing_.clear();
    // What was asked since it broke off with it is the next one's.
    const bool broken_off = farewell_ && farewell_->counted;
    const bool greeted = !hello_ || broken_off;
    hello_.reset();
    if (!broken_off) failed(ended);
    fail_locked(greeted ? Which::sent : Which::all, ended + "; whether it did something is unknown");
    farewell_.reset();
  }

  /// Without waiting: a process that it left behind may keep the pipe open.
  static bool has_more(int file) {
    if (file < 0) return false;
    pollfd readable{.fd = file, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, 0) > 0 && readable.revents != 0;
  }

  const ConversationOptions options_;
  WaitingClock& clock_;
  CircuitBreaker breaker_;
  const Descriptor wake_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool stopping_ = false;
  bool hangs_ = false;
  Id next_id_ = 1;
  std::deque<Question> queue_;     ///< not yet sent
  std::map<Id, Waiting> waiting_;  ///< for an answer
  std::set<Id> abandoned_;         ///< sent and no longer waited for
  Moment last_heard_{};            ///< when an answer came last

  std::optional<ChildProgram> child_;
  std::optional<Farewell> farewell_;
  std::optional<Id> hello_;  ///< of the greeting until that is answered
  Moment hello_deadline_{};
  std::string outgoing_;      ///< what is left of the line that is being sent
  std::string heard_;         ///< of a line that is not whole yet
  std::string tail_;          ///< of its standard error
  std::string last_trouble_;  ///< why it failed last
  std::thread thread_;
};

Conversation::Conversation(ConversationOptions options, WaitingClock& clock)
    : keeper_(std::make_unique<Keeper>(std::move(options), clock)) {}
Conversation::~Conversation() = default;

Result<Json> Conversation::ask(const std::string& members, const std::stop_token& stop) { return keeper_->ask(members, stop); }

}  // namespace weir
