#include "balancers/aws_target_group/aws_target_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <thread>

#include "balancers/aws_target_group/targets.h"
#include "balancers/shared.h"
#include "balancers/unified_diff.h"

namespace weir {
namespace {

constexpr Key kKeys[] = {
    {.name = "provider",
     .doc = "The entry of `providers:`, of type aws_asg, whose region and credentials are used.",
     .required = true},
    {.name = "arn",
     .doc = "The ARN of the target group, of this group alone; its targets are instances or IP addresses.",
     .required = true},
};

using Targets = std::vector<AwsTarget>;

bool holds(const Targets& targets, const AwsTarget& wanted) {
  return std::ranges::any_of(targets, [&](const AwsTarget& each) { return each.is_same(wanted); });
}

Targets without(const Targets& targets, const Targets& others) {
  Targets rest;
  std::ranges::copy_if(targets, std::back_inserter(rest), [&](const AwsTarget& each) { return !holds(others, each); });
  return rest;
}

Targets registered(const Targets& targets) {
  Targets rest;
  std::ranges::copy_if(targets, std::back_inserter(rest), [](const AwsTarget& each) { return !each.is_draining(); });
  return rest;
}

std::string render(const Targets& targets) {
  std::string text;
  for (const AwsTarget& each : targets) text += fmt::format("{} {}\n", each.id, each.address);
  return text;
}

/// The region in `arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID`; empty if it is no such ARN.
std::string region_of(const std::string& arn) {
  const bool fits = arn.starts_with("arn:") && arn.contains(":elasticloadbalancing:") && arn.contains(":targetgroup/");
  if (!fits) return {};
  std::size_t begin = 0;
  for (int field = 0; field < 3; ++field) begin = arn.find(':', begin) + 1;
  return arn.substr(begin, arn.find(':', begin) - begin);
}

class AwsTargetGroup final : public Balancer {
 public:
  AwsTargetGroup(Network& network, AwsAccount account, std::string arn, bool public_addresses)
      : arn_(std::move(arn)), client_(network, std::move(account)), targets_(client_, arn_, public_addresses) {
    worker_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }
  ~AwsTargetGroup() override {
    worker_.request_stop();
    worker_.join();
    for (const Job& job : jobs_) job.done(failure(ErrorKind::cancelled, fmt::format("{}: cancelled", arn_)));
  }
  AwsTargetGroup(const AwsTargetGroup&) = delete;
  AwsTargetGroup& operator=(const AwsTargetGroup&) = delete;

  [[nodiscard]] BalancerView read(std::span<const std::string> count, std::stop_token stop) override;
  void write(std::vector<Peer> peers, Done done) override;
  [[nodiscard]] std::string diff(std::span<const Peer> peers) override;

 private:
  struct Job {
    std::vector<Peer> peers;
    Done done;
  };
  void work(const std::stop_token& stop);
  [[nodiscard]] Result<Targets> wanted(std::span<const Peer> peers, const std::stop_token& stop);
  [[nodiscard]] Result<AwsTarget> target_of(const Peer& peer, AwsTargets::Kind kind);
  [[nodiscard]] Result<void> bring_about(std::span<const Peer> peers, const std::stop_token& stop);
  [[nodiscard]] Result<void> take_out(const Targets& leaving, const Targets& staying, const std::stop_token& stop);
  [[nodiscard]] Result<void> refuse_to_empty(const Targets& present, const Targets& asked) const;

  const std::string arn_;
  AwsClient client_;
  AwsTargets targets_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Job> jobs_;
  std::jthread worker_;
};

/// A target that is draining gets no new requests: it is no peer. Nor does one that AWS finds unhealthy, but that is AWS's own
/// judgement of a peer; if it kept the view from being in force, one such target would keep every drained server for ever.
BalancerView AwsTargetGroup::read(std::span<const std::string> count, std::stop_token stop) {
  BalancerView view;
  const Result<Targets> present = targets_.describe(stop);
  if (!present) {
    view.detail = present.error().message;
    return view;
  }
  view.known = true;
  const Targets peers = registered(*present);
  for (const AwsTarget& each : peers) {
    const bool is_address = each.address.starts_with(each.id);
    view.peers.push_back({.server = is_address && !each.id.starts_with("i-") ? std::string() : each.id, .address = each.address});
  }
  const auto fresh = std::ranges::find(peers, "initial", &AwsTarget::state);
  view.in_force = fresh == peers.end();
  if (!view.in_force) view.detail = fmt::format("{}: {} is not in use yet", arn_, fresh->address);
  // AWS tells nobody's connections, but it drains a target as long as it has any, and no longer than the deregistration delay:
  // while it does there may be one, afterwards there is none.
  view.connections.emplace();
  for (const std::string& address : count) {
    const auto target = std::ranges::find(*present, address, &AwsTarget::address);
    if (target != present->end() && !target->is_draining()) continue;
    view.connections->push_back({address, target == present->end() ? 0 : 1});
  }
  return view;
}

void AwsTargetGroup::write(std::vector<Peer> peers, Done done) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(peers), std::move(done)});
  }
  wake_.notify_one();
}

void AwsTargetGroup::work(const std::stop_token& stop) {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !jobs_.empty(); }) || stop.stop_requested()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.done(bring_about(job.peers, stop));
  }
}

Result<AwsTarget> AwsTargetGroup::target_of(const Peer& peer, AwsTargets::Kind kind) {
  const std::size_t colon = peer.address.rfind(':');
  const std::string_view digits = std::string_view(peer.address).substr(std::min(colon, peer.address.size() - 1) + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (colon == std::string::npos || error != std::errc{} || end != digits.data() + digits.size() || port < 1 || port > 65535) {
    return failure(ErrorKind::invalid, fmt::format("{}: '{}' is no host:port", arn_, peer.address));
  }
  std::string host = peer.address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (kind == AwsTargets::Kind::ip) return AwsTarget{.id = host, .port = port, .address = peer.address};
  if (!peer.server.starts_with("i-")) {
    return failure(ErrorKind::invalid, fmt::format("{}: its targets are instances, and '{}' is none", arn_, peer.server));
  }
  targets_.remember_host(peer.server, host);
  return AwsTarget{.id = peer.server, .port = port, .address = peer.address};
}

Result<Targets> AwsTargetGroup::wanted(std::span<const Peer> peers, const std::stop_token& stop) {
  const Result<AwsTargets::Kind> kind = targets_.kind(stop);
  if (!kind) return std::unexpected(kind.error());
  Targets targets;
  for (const Peer& peer : peers) {
    Result<AwsTarget> target = target_of(peer, *kind);
    if (!target) return std::unexpected(target.error());
    targets.push_back(std::move(*target));
  }
  return targets;
}

Result<void> AwsTargetGroup::refuse_to_empty(const Targets& present, const Targets& asked) const {
  if (present.empty() || !asked.empty()) return {};
  return failure(ErrorKind::invalid, fmt::format("{}: refusing to take out every target; those in it stay", arn_));
}

Result<void> AwsTargetGroup::bring_about(std::span<const Peer> peers, const std::stop_token& stop) {
  const Result<Targets> asked = wanted(peers, stop);
  if (!asked) return std::unexpected(asked.error());
  Result<Targets> all = targets_.describe(stop);
  if (!all) return std::unexpected(all.error());
  if (const Result<void> alright = refuse_to_empty(registered(*all), *asked); !alright) return alright;
  const Targets coming = without(*asked, registered(*all));
  if (!coming.empty()) {
    if (const Result<void> added = targets_.add(coming, stop); !added) return added;
  }
  const Targets leaving = without(registered(*all), *asked);
  if (leaving.empty()) return {};
  if (!coming.empty()) all = targets_.describe(stop);
  if (!all) return std::unexpected(all.error());
  return take_out(leaving, without(registered(*all), leaving), stop);
}

/// AWS sends a new target traffic only when its own checks have passed, which may take minutes after weir's have. Until then those
/// that serve stay: what they leave would be empty. Whoever asks again once the view is in force finds them still in it.
Result<void> AwsTargetGroup::take_out(const Targets& leaving, const Targets& staying, const std::stop_token& stop) {
  const bool settled = std::ranges::find(staying, "initial", &AwsTarget::state) == staying.end();
  const bool serving = std::ranges::any_of(staying, &AwsTarget::serves);
  if (settled && serving) return targets_.remove(leaving, stop);
  Targets useless;
  std::ranges::copy_if(leaving, std::back_inserter(useless), [](const AwsTarget& each) { return !each.serves(); });
  if (!useless.empty()) {
    if (const Result<void> removed = targets_.remove(useless, stop); !removed) return removed;
  }
  if (!settled || useless.size() == leaving.size()) return {};
  return failure(ErrorKind::unavailable,
                 fmt::format("{}: none of the targets that are to stay is healthy there, so those that serve stay too", arn_));
}

std::string AwsTargetGroup::diff(std::span<const Peer> peers) {
  const Result<Targets> asked = wanted(peers, {});
  if (!asked) return {};
  const Result<Targets> all = targets_.describe({});
  if (!all || !refuse_to_empty(registered(*all), *asked)) return {};
  return unified_diff(arn_, render(registered(*all)), render(*asked));
}

std::vector<SettingsError> check(const BalancerRequest& request) {
  const Settings& settings = request.spec.settings;
  std::vector<SettingsError> errors;
  if (region_of(settings.text("arn")).empty()) {
    errors.push_back({"arn", "is no ARN of a target group: arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID",
                      settings.mark("arn")});
  }
  return errors;
}

Result<std::unique_ptr<Balancer>> make(const BalancerRequest& request, BalancerShared& shared) {
  const std::string& provider = request.spec.settings.text("provider");
  const std::string& arn = request.spec.settings.text("arn");
  const Settings* settings = shared.outside.provider ? shared.outside.provider(provider) : nullptr;
  if (settings == nullptr || settings->text("type") != "aws_asg" || shared.outside.network == nullptr) {
    return failure(ErrorKind::invalid, fmt::format("there is no provider '{}' of type aws_asg", provider));
  }
  const AwsAccount account = read_aws_account(provider, *settings);
  if (region_of(arn) != account.region) {
    return failure(ErrorKind::invalid,
                   fmt::format("{} is in {}, and provider {} in {}", arn, region_of(arn), provider, account.region));
  }
  // Which address is an instance's is a key of that provider's servers.
  const bool own = request.group.provider == provider;
  const bool public_addresses = own && request.group.server.text("address") == "public";
  return std::make_unique<AwsTargetGroup>(*shared.outside.network, account, arn, public_addresses);
}

}  // namespace

BalancerType aws_target_group_balancer() {
  return {.name = "aws_target_group",
          .doc = "A target group of an AWS Application or Network Load Balancer.",
          .keys = kKeys,
          .check = check,
          .abilities = {.tested_against = "a simulator held against the service model"},
          .make = make};
}

}  // namespace weir
