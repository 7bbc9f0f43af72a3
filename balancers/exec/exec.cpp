#include "balancers/exec/exec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "balancers/exec/protocol.h"
#include "balancers/peer_writer.h"
#include "balancers/unified_diff.h"
#include "platform/command.h"

namespace weir {
namespace {

constexpr Key kKeys[] = {
    {.name = "command",
     .type = KeyType::command,
     .doc = "The program and its arguments; run once for each question.",
     .required = true},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "How long one run may take; then it is killed.",
     .fallback = "10s",
     .minimum = 0.1,
     .maximum = 3600},
};

constexpr std::size_t kMaxQuote = 600;

/// A program's words on one line; the last ones, where the reason is.
std::string quote(std::string_view said) {
  std::string text(said.substr(said.size() - std::min(said.size(), kMaxQuote)));
  text.erase(text.find_last_not_of(" \r\n") + 1);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) text.replace(at, 1, "; ");
  return text;
}

std::string lines_of(std::span<const Peer> peers) {
  std::string text;
  for (const Peer& peer : peers) text += fmt::format("{} weight {} # {}\n", peer.address, peer.weight, peer.server);
  return text;
}

/// A program that is asked who gets traffic and told who shall.
class ExecBalancer : public Balancer {
 public:
  ExecBalancer(std::string group, std::vector<std::string> command, Duration timeout)
      : group_(std::move(group)),
        command_(std::move(command)),
        timeout_(timeout),
        writer_(command_.front(),
                [this](std::span<const Peer> peers, const std::stop_token& stop) { return make_so(peers, stop); }) {}

  [[nodiscard]] BalancerView read(std::span<const std::string> count, std::stop_token stop) override {
    BalancerView view;
    auto said = ask(ExecVerb::read, {}, count, stop);
    if (!said) {
      view.detail = said.error().message;
      return view;
    }
    view.known = true;
    view.in_force = said->in_force;
    view.peers = std::move(said->peers);
    view.detail = std::move(said->detail);
    view.connections = counted(count, std::move(said->connections));
    return view;
  }

  void write(std::vector<Peer> peers, Done done) override { writer_.submit(std::move(peers), std::move(done)); }

  [[nodiscard]] std::string diff(std::span<const Peer> peers) override {
    const auto now = ask(ExecVerb::read, {}, {}, {});
    if (!now || is_so(*now, peers) || empties(*now, peers)) return {};
    const auto said = ask(ExecVerb::diff, peers, {}, {});
    if (!said) return {};
    return said->diff ? *said->diff : unified_diff(command_.front(), lines_of(now->peers), lines_of(peers));
  }

 private:
  static bool is_so(const ExecAnswer& now, std::span<const Peer> peers) {
    return now.in_force && std::ranges::equal(now.peers, peers);
  }
  static bool empties(const ExecAnswer& now, std::span<const Peer> peers) { return peers.empty() && !now.peers.empty(); }

  /// Unknown as long as one of the addresses asked about is not told.
  static std::optional<std::vector<BalancerView::Connections>> counted(std::span<const std::string> asked,
                                                                       std::optional<std::vector<BalancerView::Connections>> said) {
    const auto told = [&](const std::string& address) {
      return std::ranges::find(*said, address, &BalancerView::Connections::address) != said->end();
    };
    return said && std::ranges::all_of(asked, told) ? said : std::nullopt;
  }

  /// The program need not know when there is nothing to do, nor that an empty balancer helps nobody: it is asked first.
  [[nodiscard]] Result<void> make_so(std::span<const Peer> peers, const std::stop_token& stop) const {
    const auto now = ask(ExecVerb::read, {}, {}, stop);
    if (!now) return std::unexpected(now.error());
    if (is_so(*now, peers)) return {};
    if (empties(*now, peers)) {
      return failure(ErrorKind::invalid,
                     fmt::format("{}: refusing to take out every server; those in it stay", fmt::join(command_, " ")));
    }
    const auto said = ask(ExecVerb::write, peers, {}, stop);
    return said ? Result<void>{} : std::unexpected(said.error());
  }

  [[nodiscard]] Result<ExecAnswer> ask(ExecVerb verb, std::span<const Peer> peers, std::span<const std::string> count,
                                       const std::stop_token& stop) const {
    const auto result = run_command(
        {.argv = command_, .input = exec_question(verb, group_, peers, count), .errors = Command::Errors::apart}, timeout_, stop);
    if (!result) return std::unexpected(result.error());
    const auto failed = [&](ErrorKind kind, std::string_view what) {
      const std::string errors = quote(result->errors);
      return failure(kind, fmt::format("{} ({}): {}{}{}", fmt::join(command_, " "), to_string(verb), what,
                                       errors.empty() ? "" : "; it also said: ", errors));
    };
    if (result->status != 0) return failed(ErrorKind::unavailable, fmt::format("exit status {}", result->status));
    if (!result->complete) return failed(ErrorKind::unavailable, "says more than 1 MiB");
    auto answer = parse_exec_answer(verb, result->output);
    if (!answer) return failed(answer.error().kind, answer.error().message);
    return answer;
  }

  const std::string group_;
  const std::vector<std::string> command_;
  const Duration timeout_;
  PeerWriter writer_;  ///< last: it uses the rest
};

std::vector<SettingsError> check(const BalancerRequest& request) {
  const Settings& settings = request.spec.settings;
  if (!settings.texts("command").empty()) return {};
  return {{"command", "expected a command", settings.mark("command")}};
}

Result<std::unique_ptr<Balancer>> make(const BalancerRequest& request, BalancerShared& /*shared*/) {
  const Settings& settings = request.spec.settings;
  return std::make_unique<ExecBalancer>(request.group.name, settings.texts("command"), settings.duration("timeout"));
}

}  // namespace

BalancerType exec_balancer() {
  return {.name = "exec",
          .doc = "A program of yours that is told by JSON who gets traffic, for whatever weir has no balancer for.",
          .keys = kKeys,
          .check = check,
          .abilities = {.counts_connections = true, .weighs = true, .tested_against = "a program in Python"},
          .make = make};
}

}  // namespace weir
