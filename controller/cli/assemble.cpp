#include "controller/cli/assemble.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/loop/turn.h"
#include "providers/overflow.h"
#include "providers/provider.h"

namespace weir {
namespace {

Result<std::shared_ptr<Provider>> make_provider(const std::string& name, const ProviderSpec& spec, const Config& config,
                                                Outside& outside) {
  const auto catalog = provider_catalog();
  const auto type = std::ranges::find(catalog, spec.type, &ProviderType::name);
  if (type == catalog.end()) return failure(ErrorKind::invalid, fmt::format("provider {}: no such type: {}", name, spec.type));
  auto made = type->make(spec.settings, {.name = name,
                                         .state_directory = config.controller.state.parent_path() / "servers" / name,
                                         .network = &outside.network,
                                         .acts = outside.acts});
  if (!made) return failure(made.error().kind, fmt::format("provider {}: {}", name, made.error().message));
  return std::shared_ptr<Provider>(std::move(*made));
}

/// Groups that have the same two share one.
class OverflowMaker {
 public:
  OverflowMaker(const Providers& providers, std::filesystem::path directory)
      : providers_(providers), directory_(std::move(directory)) {}

  std::shared_ptr<Provider> provider_of(const Group& group) {
    const std::shared_ptr<Provider>& first = providers_.at(group.provider);
    if (!group.overflow) return first;
    const std::string both = lane_of(group);
    std::shared_ptr<Provider>& made = made_[both];
    if (!made) made = make_overflow_provider({first, providers_.at(group.overflow->provider), directory_ / both});
    return made;
  }

 private:
  const Providers& providers_;
  const std::filesystem::path directory_;
  Providers made_;
};

void add(std::string& all, const std::string& one) { all += (all.empty() ? "" : "; ") + one; }

std::vector<std::unique_ptr<Balancer>> make_balancers(const Group& group, const std::vector<BalancerSpec>& specs,
                                                      BalancerMaker& maker, std::string& failed) {
  std::vector<std::unique_ptr<Balancer>> balancers;
  for (const BalancerSpec& spec : specs) {
    auto balancer = maker.make({group, spec});
    if (balancer) {
      balancers.push_back(std::move(*balancer));
    } else {
      add(failed, fmt::format("group {}, balancer {}: {}", group.name, spec.name, balancer.error().message));
    }
  }
  return balancers;
}

}  // namespace

TimePoint SystemClock::now() const { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

Result<std::unique_ptr<Assembly>> assemble(const Config& config, Outside& outside) {
  auto assembly = std::make_unique<Assembly>();
  std::string failed;
  Providers& providers = assembly->providers;
  for (const auto& [name, spec] : config.providers) {
    assembly->provider_settings[name] = spec.settings;
    auto provider = make_provider(name, spec, config, outside);
    if (!provider) {
      add(failed, provider.error().message);
      continue;
    }
    providers[name] = std::move(*provider);
  }
  if (!failed.empty()) return failure(ErrorKind::invalid, failed);
  OverflowMaker overflow(providers, config.controller.state.parent_path() / "servers");
  assembly->balancers = std::make_unique<BalancerMaker>(
      BalancerOutside{.network = &outside.network, .provider = [settings = &assembly->provider_settings](const std::string& name) {
                        const auto found = settings->find(name);
                        return found == settings->end() ? nullptr : &found->second;
                      }});
  for (const Group& group : config.groups) {
    Managed managed{.group = group, .policies = make_policies(group), .provider = overflow.provider_of(group)};
    managed.balancers = make_balancers(group, group.balancers, *assembly->balancers, failed);
    managed.previews = make_balancers(group, group.previews, *assembly->balancers, failed);
    assembly->groups.push_back(std::move(managed));
  }
  if (!failed.empty()) return failure(ErrorKind::invalid, failed);
  if (config.prometheus) {
    const PrometheusSettings& prometheus = *config.prometheus;
    assembly->metrics = std::make_unique<PrometheusSource>(PrometheusOptions{prometheus.url, prometheus.timeout, prometheus.access},
                                                           outside.http, outside.clock);
  }
  return assembly;
}

}  // namespace weir
