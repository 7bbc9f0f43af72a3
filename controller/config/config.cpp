#include "controller/config/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "controller/config/deploy.h"
#include "controller/config/keys.h"
#include "controller/config/notifications.h"
#include "controller/config/reader.h"
#include "controller/config/values.h"
#include "controller/config/yaml.h"
#include "platform/file.h"
#include "policies/constant.h"
#include "policies/schedule.h"

namespace weir {
namespace {

constexpr std::size_t kLongestName = 63;

const YamlNode& child(const YamlNode& node, std::string_view key) {
  static const YamlNode nothing;
  const YamlNode* found = find(node, key);
  return found != nullptr ? *found : nothing;
}

/// FNV-1a, 64 bits: names a text, guards nothing.
std::string fingerprint_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", hash);
}

/// The node as a text that is the same for the same settings, whatever their place in the file.
void append_text(std::string& text, const YamlNode& node) {
  text += fmt::format("{}:{};", node.text.size(), node.text);
  for (const YamlNode& item : node.items) {
    text += '-';
    append_text(text, item);
  }
  for (const YamlEntry& entry : node.entries) {
    text += fmt::format("{}:{}=", entry.key.size(), entry.key);
    append_text(text, entry.value);
  }
  text += '.';
}

/// What of a group says how it scales.
std::string rules_of(const YamlNode& group) {
  std::string text;
  for (const YamlEntry& entry : group.entries) {
    const bool counts =
        entry.key == "policies" || entry.key == "did_it_help" || entry.key == "scale_out" || entry.key == "scale_in";
    if (!counts) continue;
    text += entry.key;
    append_text(text, entry.value);
  }
  return fingerprint_of(text);
}

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_group_name(std::string_view name) {
  const auto allowed = [](char c) { return is_lower_or_digit(c) || c == '-' || c == '_'; };
  return !name.empty() && name.size() <= kLongestName && is_lower_or_digit(name.front()) && std::ranges::all_of(name, allowed);
}

/// Names of providers and policies: they become labels and parts of paths.
bool is_plain_name(std::string_view name) {
  const auto letter = [](char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); };
  const auto allowed = [&](char c) { return letter(c) || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && name.size() <= kLongestName && letter(name.front()) && std::ranges::all_of(name, allowed);
}

constexpr const char* kPlainName =
    "expected a name of letters, digits, '-', '_' and '.', beginning with a letter or digit, at most 63";

template <typename Type>
const Type* type_named(std::span<const Type> catalog, std::string_view name) {
  const auto found = std::ranges::find(catalog, name, &Type::name);
  return found == catalog.end() ? nullptr : &*found;
}

/// Keys every entry of a typed family has, then those of its type.
std::vector<Key> whole_table(std::span<const Key> common, std::span<const Key> own) {
  std::vector<Key> table(common.begin(), common.end());
  table.push_back({.name = "type", .required = true});
  table.insert(table.end(), own.begin(), own.end());
  return table;
}

HealthCheck health_from(const Settings& settings) {
  return {.kind = settings.has("http") ? HealthCheck::Kind::http : HealthCheck::Kind::tcp,
          .path = settings.text("http"),
          .interval = settings.duration("interval"),
          .timeout = settings.duration("timeout"),
          .healthy_after = settings.integer("healthy_after"),
          .unhealthy_after = settings.integer("unhealthy_after"),
          .deadline = settings.duration("deadline")};
}

ScalingRule rule_from(const Settings& settings) {
  ScalingRule rule{.cooldown = settings.duration("cooldown"), .stabilization_window = settings.duration("stabilization_window")};
  for (const Settings& limit : settings.sections("limits")) {
    RateLimit& added = rule.limits.emplace_back(RateLimit{.servers = {}, .percent = {}, .per = limit.duration("per")});
    if (limit.has("servers")) added.servers = limit.integer("servers");
    if (limit.has("percent")) added.percent = limit.number("percent");
  }
  const std::string& select = settings.text("select");
  if (select == "min") rule.select = ScalingRule::Select::min;
  if (select == "disabled") rule.select = ScalingRule::Select::disabled;
  return rule;
}

CostRule cost_from(const Settings& settings) {
  return {.per_hour = settings.number("per_hour"),
          .currency = settings.text("currency"),
          .billing_period = settings.duration("billing_period"),
          .monthly_hours = settings.integer("monthly_hours")};
}

OrphanRule orphans_from(const std::string& text) {
  if (text == "report") return OrphanRule::report;
  return text == "remove" ? OrphanRule::remove : OrphanRule::adopt;
}

/// One parse of one file, section by section.
class ConfigBuilder {
 public:
  ConfigBuilder(const std::filesystem::path& file, const Environment& environment, const Catalogs& catalogs)
      : reader_(file, environment), catalogs_(catalogs) {
    config_.source = file;
  }

  ConfigDraft build(std::string_view text) {
    const auto root = parse_yaml(text);
    config_.fingerprint = fingerprint_of(text);
    if (root) return build(*root);
    reader_.complain(root.error().mark, "", root.error().message);
    return {std::move(config_), reader_.take_errors()};
  }

  ConfigDraft build(const YamlNode& root) {
    read_root(root);
    return {std::move(config_), reader_.take_errors()};
  }

 private:
  /// Where a node stands, for errors about it.
  struct Place {
    const YamlNode& node;
    std::string path;
  };

  void read_root(const YamlNode& root) {
    if (root.kind == YamlNode::Kind::nothing) return reader_.complain({}, "", "the file is empty: expected providers and groups");
    const Settings settings = reader_.read(root, root_keys(), "");
    read_controller(settings.section("controller"), {child(root, "controller"), "controller"});
    if (settings.has("prometheus")) read_prometheus(settings.section("prometheus"), {child(root, "prometheus"), "prometheus"});
    has_prometheus_ = find(root, "prometheus") != nullptr;
    read_providers(child(root, "providers"));
    read_groups(root);
    read_notifications(settings.section("notifications"), {child(root, "notifications"), "notifications"});
  }

  void read_controller(const Settings& settings, const Place& place) {
    ControllerSettings& controller = config_.controller;
    controller.interval = settings.duration("interval");
    controller.state = settings.text("state");
    controller.log_format = settings.text("log_format") == "json" ? LogFormat::json : LogFormat::text;
    controller.log_calls = settings.boolean("log_calls");
    controller.workers = settings.integer("workers");
    controller.history_retention = settings.duration("history_retention");
    const bool other_store = settings.text("state").contains("://");
    if (other_store)
      complain(settings, place, "state", "expected the path of a file: other stores are not supported by this version");
    if (settings.has("state") && settings.text("state").empty()) complain(settings, place, "state", "expected the path of a file");
    if (settings.has("listen")) {
      auto listen = parse_listen(settings.text("listen"));
      if (!listen) complain(settings, place, "listen", listen.error().expected);
      if (listen) controller.listen = *std::move(listen);
    }
    const Settings& rates = settings.section("rate_limit");
    controller.rates = {.requests_per_second = rates.number("requests_per_second"),
                        .burst = rates.integer("burst"),
                        .wrong_tokens_per_minute = rates.integer("wrong_tokens_per_minute")};
    const Settings& tls = settings.section("tls");
    controller.tls = {.certificate = tls.text("certificate"), .key = tls.text("key"), .client_ca = tls.text("client_ca")};
    read_access(settings, place);
    check_exposure(settings, place);
  }

  void read_access(const Settings& settings, const Place& place) {
    ControllerSettings& controller = config_.controller;
    ApiAccess& access = controller.access;
    if (settings.has("token")) access.tokens.push_back({"token", ApiRole::operate, settings.text("token")});
    note_secret_file(place.node);
    const YamlNode& nodes = child(place.node, "tokens");
    for (const YamlNode& node : nodes.items) note_secret_file(node);
    if (controller.tls.wanted()) controller.secret_files.push_back(controller.tls.key);
    std::size_t index = 0;
    for (const Settings& one : settings.sections("tokens")) {
      const std::string path = join_path(join_path(place.path, "tokens"), index++);
      const ApiToken token{one.text("name"), one.text("role") == "operate" ? ApiRole::operate : ApiRole::read, one.text("token")};
      const auto complain_of = [&](std::string_view key, std::string message) {
        reader_.complain(one.mark(key), join_path(path, key), std::move(message));
      };
      if (one.has("name") && !is_plain_name(token.name)) complain_of("name", kPlainName);
      for (const ApiToken& other : access.tokens) {
        if (other.name == token.name) complain_of("name", fmt::format("there is already a token called {}", token.name));
        if (other.secret == token.secret && !token.secret.empty())
          complain_of("token", fmt::format("expected a secret of its own, found that of token {}", other.name));
      }
      access.tokens.push_back(token);
    }
    const bool read_tokens = std::ranges::any_of(access.tokens, [](const ApiToken& one) { return one.role == ApiRole::read; });
    const bool reached = !is_loopback(controller.listen.host) && !access.tokens.empty();
    access.reading_is_open = settings.has("read") ? settings.text("read") == "open" : !read_tokens && !reached;
    if (!access.reading_is_open && access.tokens.empty()) {
      complain(settings, place, "read", "expected a token with it: set token_file or tokens, or nobody could read");
    }
  }

  void note_secret_file(const YamlNode& node) {
    const YamlNode& file = child(node, "token_file");
    if (file.kind == YamlNode::Kind::scalar) config_.controller.secret_files.push_back(file.text);
  }

  /// What others reach needs both: a token is no secret without TLS, and TLS keeps nobody out.
  void check_exposure(const Settings& settings, const Place& place) {
    const ControllerSettings& controller = config_.controller;
    if (is_loopback(controller.listen.host) || controller.listen.host.empty() || settings.boolean("insecure_listen")) return;
    std::vector<std::string_view> missing;
    if (controller.access.tokens.empty()) missing.emplace_back("a token (controller.token_file or controller.tokens)");
    if (!controller.tls.wanted()) missing.emplace_back("controller.tls");
    if (missing.empty()) return;
    complain(settings, place, "listen",
             fmt::format("{} can be reached from other machines, which needs {}; or listen on 127.0.0.1, or set "
                         "controller.insecure_listen: true if something else guards it",
                         controller.listen.host, fmt::join(missing, " and ")));
  }

  void read_prometheus(const Settings& settings, const Place& place) {
    PrometheusSettings prometheus{.url = settings.text("url"), .timeout = settings.duration("timeout"), .access = {}};
    prometheus.access = {.bearer_token = settings.text("bearer_token"),
                         .username = settings.text("username"),
                         .password = settings.text("password"),
                         .ca_file = settings.text("ca_file"),
                         .verify = settings.boolean("verify"),
                         .headers = {settings.text_map("headers").begin(), settings.text_map("headers").end()}};
    while (prometheus.url.ends_with('/')) prometheus.url.pop_back();
    const std::string& url = prometheus.url;
    const auto scheme_end = url.find("://");
    const bool http = url.starts_with("http://") || url.starts_with("https://");
    const bool usable = http && scheme_end + 3 < url.size() && !url.contains(' ') && !url.contains('?') && !url.contains('#');
    // The URL itself may hold a password.
    if (settings.has("url") && !usable)
      complain(settings, place, "url", "expected http://HOST:PORT or https://HOST:PORT, perhaps with a path");
    if (usable && url.contains('@'))
      complain(settings, place, "url", "expected no credentials in the URL: use 'username' and 'password_file'");
    if (settings.has("bearer_token") && settings.has("username")) {
      complain(settings, place, "bearer_token", "expected either a bearer token or a username, not both");
    }
    if (settings.has("password") && !settings.has("username"))
      complain(settings, place, "password", "expected a username with the password");
    if (settings.has("username") && !settings.has("password"))
      complain(settings, place, "username", "expected a password with the username");
    config_.prometheus = std::move(prometheus);
  }

  void read_notifications(const Settings& settings, const Place& place) {
    if (place.node.kind != YamlNode::Kind::mapping) return;
    config_.notifications.controller = settings.text("controller");
    const Place list{child(place.node, "receivers"), join_path(place.path, "receivers")};
    const auto items = reader_.items(list.node, list.path);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < items.size(); ++i) read_receiver({items[i], join_path(list.path, i)}, names);
    std::vector<std::string> groups;
    for (const auto& [name, path] : group_names_) groups.push_back(name);
    config_.notifications.routes = read_routes(settings, config_.notifications, names, groups, reader_);
  }

  /// `names` are those of all, also of those that cannot be used.
  void read_receiver(const Place& place, std::vector<std::string>& names) {
    const ReceiverType* type = read_type(catalogs_.receivers, place);
    if (type == nullptr) return names.push_back(child(place.node, "name").text);
    ReceiverSpec spec{.name = {}, .type = std::string(type->name), .settings = {}};
    const std::size_t before = reader_.error_count();
    spec.settings = reader_.read(place.node, whole_table(receiver_keys(), type->keys), place.path);
    spec.name = spec.settings.text("name");
    if (spec.settings.has("name") && !is_plain_name(spec.name)) complain(spec.settings, place, "name", kPlainName);
    if (std::ranges::find(names, spec.name) != names.end())
      complain(spec.settings, place, "name", fmt::format("'{}' is already the name of another receiver", spec.name));
    names.push_back(spec.name);
    if (reader_.error_count() == before && type->check != nullptr) complain_all(type->check(spec.settings), place);
    config_.notifications.receivers.push_back(std::move(spec));
  }

  void read_providers(const YamlNode& node) {
    const auto entries = reader_.entries(node, "providers");
    for (const YamlEntry* entry : entries) {
      const std::string path = join_path("providers", entry->key);
      provider_names_.push_back(entry->key);
      if (!is_plain_name(entry->key)) reader_.complain(entry->mark, path, kPlainName);
      const auto* type = read_type(catalogs_.providers, {entry->value, path});
      if (type == nullptr) continue;
      const auto table = whole_table({}, type->provider_keys);
      config_.providers.emplace(entry->key, ProviderSpec{std::string(type->name), reader_.read(entry->value, table, path)});
    }
  }

  /// The type an entry of a family says it is of; nullptr (and a complaint) if that is none.
  template <typename Type>
  const Type* read_type(std::span<const Type> catalog, const Place& place) {
    if (place.node.kind != YamlNode::Kind::mapping) {
      reader_.complain(place.node.mark, place.path, "expected a mapping with at least 'type'");
      return nullptr;
    }
    std::vector<std::string_view> known;
    for (const Type& type : catalog) known.push_back(type.name);
    const std::string path = join_path(place.path, "type");
    const YamlNode* node = find(place.node, "type");
    if (node == nullptr) {
      reader_.complain(place.node.mark, path, fmt::format("required but missing: one of {}", fmt::join(known, ", ")));
      return nullptr;
    }
    const auto name = reader_.scalar(*node, path, fmt::format("one of {}", fmt::join(known, ", ")));
    if (!name) return nullptr;
    const Type* type = type_named(catalog, *name);
    if (type == nullptr) reader_.complain_unknown(node->mark, path, "type", node->text, known);
    return type;
  }

  void read_groups(const YamlNode& root) {
    const YamlNode* node = find(root, "groups");
    if (node == nullptr) return;
    const auto items = reader_.items(*node, "groups");
    const bool list = node->kind == YamlNode::Kind::list || node->kind == YamlNode::Kind::nothing;
    if (items.empty() && list) reader_.complain(node->mark, "groups", "expected at least one group");
    for (std::size_t i = 0; i < items.size(); ++i) read_group({items[i], join_path("groups", i)});
  }

  void read_group(const Place& place) {
    const Settings settings = reader_.read(place.node, group_keys(), place.path);
    if (place.node.kind != YamlNode::Kind::mapping) {
      // The reader takes nothing for an empty mapping and complained about everything else.
      return;
    }
    Group group = group_from(settings);
    check_name(settings, place);
    const ProviderType* type = provider_of(group, settings, place);
    const bool fixed = type != nullptr && !type->elastic;
    const std::size_t before_server = reader_.error_count();
    if (type != nullptr) group.server = read_server(*type, place);
    const bool server_is_good = type != nullptr && reader_.error_count() == before_server;
    if (fixed) refuse_scaling(*type, settings, place);
    if (!fixed) check_size(settings, place);
    check_health(settings.section("health"), place);
    check_limits({child(place.node, "scale_out"), join_path(place.path, "scale_out")});
    check_limits({child(place.node, "scale_in"), join_path(place.path, "scale_in")});
    if (!fixed) read_policies(group, place);
    if (!fixed) read_rules(group, "guards", kGuardPolicy, settings, place);
    if (!fixed) read_rules(group, "maintenance", kMaintenancePolicy, settings, place);
    if (!fixed) read_help(group, settings, place);
    check_budget(settings, place);
    if (type != nullptr) group.elastic = type->elastic;
    if (type != nullptr) group.chooses_victim = abilities_of(*type, group.server).chooses_victim;
    if (type != nullptr) group.deployed_with = abilities_of(*type, group.server).deployed_with;
    if (type != nullptr && settings.has("overflow")) read_overflow(group, *type, settings.section("overflow"), place);
    if (server_is_good && !group.name.empty()) check_server(group, *type, place);
    read_balancers(group, place);
    read_deploys(group, settings, place);
    if (settings.has("min") && !fixed) check_not_empty(group, settings, place);
    if (settings.has("max") && !fixed) check_schedules(group, place);
    group.rules = rules_of(place.node);
    config_.groups.push_back(std::move(group));
  }

  [[nodiscard]] Group group_from(const Settings& settings) const {
    Group group;
    group.name = settings.text("name");
    group.provider = settings.text("provider");
    group.version = settings.text("version");
    group.min = settings.integer("min");
    group.max = settings.integer("max");
    group.interval = settings.has("interval") ? settings.duration("interval") : config_.controller.interval;
    group.warm_up = settings.duration("warm_up");
    group.health = health_from(settings.section("health"));
    group.drain_timeout = settings.section("drain").duration("timeout");
    group.scale_out = rule_from(settings.section("scale_out"));
    group.scale_in = rule_from(settings.section("scale_in"));
    group.orphans = orphans_from(settings.text("orphans"));
    if (settings.has("cost")) group.cost = cost_from(settings.section("cost"));
    const Settings& budget = settings.section("budget");
    if (budget.has("soft")) group.budget.soft = budget.number("soft");
    if (budget.has("hard")) group.budget.hard = budget.number("hard");
    return group;
  }

  void check_name(const Settings& settings, const Place& place) {
    if (!settings.has("name")) return;
    const std::string& name = settings.text("name");
    if (!is_group_name(name)) {
      return complain(settings, place, "name",
                      "expected lower-case letters, digits, '-' and '_', beginning with a letter or digit, at most 63");
    }
    const auto [first, added] = group_names_.emplace(name, place.path);
    if (!added) complain(settings, place, "name", fmt::format("'{}' is already the name of {}", name, first->second));
  }

  const ProviderType* provider_of(const Group& group, const Settings& settings, const Place& place) {
    if (!settings.has("provider")) return nullptr;
    const auto found = config_.providers.find(group.provider);
    if (found != config_.providers.end()) return type_named(catalogs_.providers, found->second.type);
    const std::vector<std::string_view> known(provider_names_.begin(), provider_names_.end());
    // One that exists but could not be read has had its complaint.
    if (std::ranges::find(known, group.provider) != known.end()) return nullptr;
    reader_.complain_unknown(settings.mark("provider"), join_path(place.path, "provider"), "provider",
                             child(place.node, "provider").text, known);
    return nullptr;
  }

  void read_overflow(Group& group, const ProviderType& first, const Settings& overflow, const Place& group_place) {
    const Place place{child(group_place.node, "overflow"), join_path(group_place.path, "overflow")};
    Group there = group;
    there.provider = overflow.text("provider");
    const ProviderType* type = provider_of(there, overflow, place);
    if (type == nullptr) return;
    if (there.provider == group.provider)
      return complain(overflow, place, "provider", "expected another provider than the group's own");
    const std::size_t before = reader_.error_count();
    there.server = read_server(*type, place);
    for (const auto& [one, server] : {std::pair(&first, &group.server), std::pair(type, &there.server)}) {
      if (one->elastic && abilities_of(*one, *server).chooses_victim) continue;
      return complain(
          overflow, place, "provider",
          fmt::format("expected two providers that make servers and remove the one they are told to; type {} does not", one->name));
    }
    if (reader_.error_count() == before && !group.name.empty()) check_server(there, *type, place);
    if (group.deployed_with.empty()) group.deployed_with = abilities_of(*type, there.server).deployed_with;
    group.overflow = OverflowSpec{.provider = there.provider, .server = std::move(there.server)};
  }

  Settings read_server(const ProviderType& type, const Place& place) {
    const YamlNode* server = find(place.node, "server");
    const std::string path = join_path(place.path, "server");
    if (server != nullptr) return reader_.read(*server, type.server_keys, path);
    YamlNode absent;
    absent.mark = place.node.mark;
    return reader_.read(absent, type.server_keys, path);
  }

  void refuse_scaling(const ProviderType& type, const Settings& settings, const Place& place) {
    for (const std::string_view key :
         {"overflow", "min", "max", "policies", "guards", "maintenance", "did_it_help", "budget", "scale_out", "scale_in"}) {
      const auto entry = std::ranges::find(place.node.entries, key, &YamlEntry::key);
      if (entry == place.node.entries.end()) continue;
      reader_.complain(
          entry->mark, join_path(place.path, key),
          fmt::format("not for provider '{}': its type {} has a fixed list of servers", settings.text("provider"), type.name));
    }
  }

  void check_size(const Settings& settings, const Place& place) {
    for (const Key& key : group_keys()) {
      const bool needed = key.name == "min" || key.name == "max";
      if (needed && find(place.node, key.name) == nullptr) reader_.complain_missing(place.node, key, place.path);
    }
    if (!settings.has("min") || !settings.has("max")) return;
    const int min = settings.integer("min");
    const int max = settings.integer("max");
    if (max == 0) return complain(settings, place, "max", "expected at least 1: a group that may never have a server");
    if (min > max) complain(settings, place, "min", fmt::format("expected at most max, which is {}, found {}", max, min));
  }

  void check_health(const Settings& health, const Place& group) {
    const Place place{child(group.node, "health"), join_path(group.path, "health")};
    if (health.has("http") && !health.text("http").starts_with('/')) {
      complain(health, place, "http", "expected a path that begins with '/'");
    }
    if (health.has("http") && health.boolean("tcp")) complain(health, place, "tcp", "expected either http or tcp, not both");
    const bool none = health.has("tcp") && !health.boolean("tcp") && !health.has("http");
    if (none) complain(health, place, "tcp", "expected true, or http: /PATH instead; a server has to prove itself somehow");
    if (!health.has("interval") || !health.has("timeout")) return;
    const Duration interval = health.duration("interval");
    if (health.duration("timeout") > interval) {
      const bool given = health.mark("timeout").line > 0;
      complain(health, place, given ? "timeout" : "interval",
               fmt::format("expected a timeout ({}) of at most the interval ({})", format_duration(health.duration("timeout")),
                           format_duration(interval)));
    }
    if (!health.has("deadline") || !health.has("healthy_after")) return;
    const Duration soonest = interval * (health.integer("healthy_after") - 1);
    if (health.duration("deadline") <= soonest) {
      complain(health, place, "deadline",
               fmt::format("expected more than {}, which {} good answers take at the soonest", format_duration(soonest),
                           health.integer("healthy_after")));
    }
  }

  void check_limits(const Place& rule) {
    const Place list{child(rule.node, "limits"), join_path(rule.path, "limits")};
    for (std::size_t i = 0; i < list.node.items.size(); ++i) {
      const YamlNode& limit = list.node.items[i];
      const bool servers = find(limit, "servers") != nullptr;
      const bool percent = find(limit, "percent") != nullptr;
      if (servers != percent || limit.kind != YamlNode::Kind::mapping) continue;
      reader_.complain(limit.mark, join_path(list.path, i),
                       fmt::format("expected either 'servers' or 'percent', {}", servers ? "found both" : "found neither"));
    }
  }

  void read_policies(Group& group, const Place& place) {
    const Place list{child(place.node, "policies"), join_path(place.path, "policies")};
    const auto items = reader_.items(list.node, list.path);
    std::set<std::string> names;
    for (std::size_t i = 0; i < items.size(); ++i) {
      auto spec = read_policy({items[i], join_path(list.path, i)});
      if (!spec) continue;
      if (!names.insert(spec->name).second) {
        complain(spec->settings, {items[i], join_path(list.path, i)}, "name",
                 fmt::format("'{}' is already the name of another policy of this group", spec->name));
      }
      group.policies.push_back(*std::move(spec));
    }
  }

  void read_rules(Group& group, std::string_view key, const PolicyType& type, const Settings& settings, const Place& place) {
    const Settings::Sections& rules = settings.sections(key);
    const Place list{child(place.node, key), join_path(place.path, key)};
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (!rules[i].has("name")) continue;  // the reader has complained
      const Place one{i < list.node.items.size() ? list.node.items[i] : list.node, join_path(list.path, i)};
      add_rule(group, type, rules[i].text("name"), rules[i], one);
    }
  }

  void read_help(Group& group, const Settings& settings, const Place& place) {
    if (!settings.has("did_it_help")) return;
    const Settings& help = settings.section("did_it_help");
    group.help = HelpRule{.attempts = help.integer("attempts"), .retry_after = help.duration("retry_after")};
    add_rule(group, kHelpPolicy, std::string(kHelpPolicy.name), help,
             {child(place.node, "did_it_help"), join_path(place.path, "did_it_help")});
  }

  /// What a section of the group comes to: a policy without a wish of its own.
  void add_rule(Group& group, const PolicyType& type, std::string name, const Settings& settings, const Place& place) {
    PolicySpec spec{.name = std::move(name), .type = std::string(type.name), .settings = settings};
    if (!is_plain_name(spec.name)) return complain(settings, place, "name", kPlainName);
    if (std::ranges::find(group.policies, spec.name, &PolicySpec::name) != group.policies.end()) {
      complain(settings, place, "name", fmt::format("'{}' is already the name of a policy or guard of this group", spec.name));
    }
    const auto errors = type.check(spec);
    complain_all(errors, place);
    if (!errors.empty()) return;
    need_prometheus(settings, place);
    group.policies.push_back(std::move(spec));
  }

  void check_budget(const Settings& settings, const Place& group) {
    if (!settings.has("budget")) return;
    const Settings& budget = settings.section("budget");
    const Place place{child(group.node, "budget"), join_path(group.path, "budget")};
    if (!settings.has("cost")) complain(settings, group, "budget", "expected 'cost' beside it, which says what a server costs");
    const bool empty = find(place.node, "soft") == nullptr && find(place.node, "hard") == nullptr;
    if (empty) complain(settings, group, "budget", "expected 'soft' or 'hard'");
    if (budget.has("soft") && budget.has("hard") && budget.number("soft") > budget.number("hard")) {
      complain(budget, place, "soft", fmt::format("expected at most hard, which is {:.6g}", budget.number("hard")));
    }
  }

  std::optional<PolicySpec> read_policy(const Place& place) {
    const PolicyType* type = read_type(catalogs_.policies, place);
    if (type == nullptr) return std::nullopt;
    const std::size_t before = reader_.error_count();
    PolicySpec spec{.name = {}, .type = std::string(type->name), .settings = {}};
    spec.settings = reader_.read(place.node, whole_table(policy_keys(), type->keys), place.path);
    spec.name = spec.settings.text("name");
    if (spec.settings.has("name") && !is_plain_name(spec.name)) complain(spec.settings, place, "name", kPlainName);
    if (reader_.error_count() != before) return std::nullopt;
    if (type->check != nullptr) complain_all(type->check(spec), place);
    if (reader_.error_count() != before) return std::nullopt;
    need_prometheus(spec.settings, place);
    return spec;
  }

  void need_prometheus(const Settings& policy, const Place& place) {
    const std::string_view key = policy.has("query") ? "query" : "queries";
    if (has_prometheus_ || !policy.has(key)) return;
    complain(policy, place, key, "expected a 'prometheus' section in this file to ask the query");
    has_prometheus_ = true;  // once is enough
  }

  void read_balancers(Group& group, const Place& place) {
    const Place list{child(place.node, "balancers"), join_path(place.path, "balancers")};
    const auto items = reader_.items(list.node, list.path);
    for (std::size_t i = 0; i < items.size(); ++i) read_balancer(group, {items[i], join_path(list.path, i)});
  }

  void read_balancer(Group& group, const Place& place) {
    const BalancerType* type = read_type(catalogs_.balancers, place);
    if (type == nullptr) return;
    BalancerSpec spec{.name = std::string(type->name), .type = std::string(type->name), .settings = {}};
    const std::size_t before = reader_.error_count();
    spec.settings = reader_.read(place.node, whole_table(balancer_keys(), type->keys), place.path);
    const bool has_file = std::ranges::find(type->keys, "file", &Key::name) != type->keys.end() && spec.settings.has("file");
    if (has_file) {
      const std::string& file = spec.settings.text("file");
      spec.name = fmt::format("{} {}", type->name, file);
      const auto [first, added] = balancer_files_.emplace(std::filesystem::path(file).lexically_normal(), place.path);
      if (!added) {
        complain(spec.settings, place, "file", fmt::format("{} already writes this file: one would undo the other", first->second));
      }
    }
    if (reader_.error_count() == before && type->check != nullptr) {
      complain_all(type->check({.group = group, .spec = spec}), place);
    }
    const bool preview = spec.settings.boolean("preview");
    (preview ? group.previews : group.balancers).push_back(std::move(spec));
  }

  void read_deploys(Group& group, const Settings& settings, const Place& group_place) {
    const Settings& deploy = settings.section("deploy");
    const Place place{child(group_place.node, "deploy"), join_path(group_place.path, "deploy")};
    group.deploy = read_deploy(deploy, group.health.deadline, place.path, reader_);
    refuse_deploys(settings.text("provider"), group.server, group_place);
    if (group.overflow) refuse_deploys(group.overflow->provider, group.overflow->server, group_place);
    note_weights(group);
    if (deploy.text("strategy") == "canary" && !group.weightless.empty()) {
      complain(deploy, place, "strategy",
               fmt::format("expected rolling or blue_green: a canary needs balancers that give shares by weight, unlike {}",
                           group.weightless));
    }
    if (has_prometheus_ || group.deploy.judge.checks.empty()) return;
    complain(deploy, place, "judge", "expected a 'prometheus' section in this file to ask its queries");
    has_prometheus_ = true;  // once is enough
  }

  /// Rules for what weir cannot do there would be ignored without a word.
  void refuse_deploys(const std::string& provider, const Settings& server, const Place& place) {
    const auto entry = std::ranges::find(place.node.entries, "deploy", &YamlEntry::key);
    const auto spec = config_.providers.find(provider);
    if (entry == place.node.entries.end() || spec == config_.providers.end()) return;
    const ProviderType& type = *type_named(catalogs_.providers, spec->second.type);
    const std::string_view deployed_with = abilities_of(type, server).deployed_with;
    if (deployed_with.empty()) return;
    reader_.complain(entry->mark, join_path(place.path, "deploy"),
                     fmt::format("not for provider '{}': its type {} {}; deploy there with {}", provider, type.name,
                                 type.elastic ? "replaces servers by itself" : "has a fixed list of servers", deployed_with));
  }

  void note_weights(Group& group) {
    for (const BalancerSpec& balancer : group.balancers) {
      const BalancerType& type = *type_named(catalogs_.balancers, balancer.type);
      if (type.abilities.weighs || !type.carries_traffic) continue;
      group.weightless += (group.weightless.empty() ? "" : ", ") + balancer.name;
    }
  }

  /// What the type has to say about servers whose keys are right one by one.
  void check_server(Group& group, const ProviderType& type, const Place& place) {
    if (!group.elastic && type.fixed_size != nullptr) group.min = group.max = type.fixed_size(group.server);
    if (type.check != nullptr) complain_all(type.check(config_.providers.at(group.provider).settings, group), place);
  }

  void check_not_empty(const Group& group, const Settings& settings, const Place& place) {
    if (group.balancers.empty()) return;
    const char* why = "expected at least 1: a group with balancers, which may never be empty, cannot shrink to nothing";
    if (group.min == 0) complain(settings, place, "min", why);
    for (const PolicySpec& policy : group.policies) {
      for (const char* key : {"min", "desired"}) {
        if (policy.type != kSchedulePolicy.name || !policy.settings.has(key) || policy.settings.integer(key) > 0) continue;
        complain(policy.settings, policy_place(place, policy.name), key, why);
      }
    }
  }

  /// Where the policy of that name stands in the group at `place`.
  static Place policy_place(const Place& place, const std::string& name) {
    Place list{child(place.node, "policies"), join_path(place.path, "policies")};
    const auto named = [&name](const YamlNode& item) { return child(item, "name").text == name; };
    const auto found = std::ranges::find_if(list.node.items, named);
    if (found == list.node.items.end()) return list;  // its name is made of variables
    return {*found, join_path(list.path, static_cast<std::size_t>(found - list.node.items.begin()))};
  }

  /// A schedule that wants more than max allows would be ignored without a word.
  void check_schedules(const Group& group, const Place& place) {
    for (const PolicySpec& policy : group.policies) {
      const bool min_only = policy.type == kSchedulePolicy.name && policy.settings.has("min") && !policy.settings.has("max");
      if (!min_only || policy.settings.integer("min") <= group.max) continue;
      complain(policy.settings, policy_place(place, policy.name), "min",
               fmt::format("expected at most the group's max, which is {}, or a max beside it", group.max));
    }
  }

  void complain(const Settings& settings, const Place& place, std::string_view key, std::string message) {
    const SourceMark mark = settings.mark(key);
    reader_.complain(mark.line > 0 ? mark : place.node.mark, join_path(place.path, key), std::move(message));
  }

  /// Complaints of a type's own check; their paths are relative to the place.
  void complain_all(const std::vector<SettingsError>& errors, const Place& place) {
    for (const SettingsError& error : errors) {
      reader_.complain(error.mark.line > 0 ? error.mark : place.node.mark,
                       error.path.empty() ? place.path : fmt::format("{}.{}", place.path, error.path), error.message);
    }
  }

  Reader reader_;
  const Catalogs& catalogs_;
  Config config_;
  bool has_prometheus_ = false;
  std::vector<std::string> provider_names_;                      ///< also of those that could not be read
  std::map<std::string, std::string> group_names_;               ///< with the path of the first
  std::map<std::filesystem::path, std::string> balancer_files_;  ///< likewise
};

ConfigResult valid_only(ConfigDraft draft) {
  if (!draft.errors.empty()) return std::unexpected(std::move(draft.errors));
  return std::move(draft.config);
}

}  // namespace

std::string to_string(const ConfigError& error) {
  std::string text = error.file;
  if (error.line > 0) text += fmt::format(":{}:{}", error.line, error.column);
  if (!error.path.empty()) text += ": " + error.path;
  return text + ": " + error.message;
}

bool ConfigDraft::tells_of_the_controller() const {
  return std::ranges::none_of(errors,
                              [](const ConfigError& error) { return error.path.empty() || error.path.starts_with("controller"); });
}

ConfigResult parse_config(std::string_view text, const std::filesystem::path& file, const Environment& environment,
                          const Catalogs& catalogs) {
  return valid_only(ConfigBuilder(file, environment, catalogs).build(text));
}

ConfigResult read_config(const YamlNode& root, const std::filesystem::path& file, const Environment& environment,
                         const Catalogs& catalogs) {
  return valid_only(ConfigBuilder(file, environment, catalogs).build(root));
}

ConfigDraft load_draft(const std::filesystem::path& file, const Environment& environment, const Catalogs& catalogs) {
  const auto text = read_file(file);
  if (!text) return {{}, {{file.string(), 0, 0, "", text.error().message}}};
  return ConfigBuilder(file, environment, catalogs).build(*text);
}

ConfigResult load_config(const std::filesystem::path& file, const Environment& environment, const Catalogs& catalogs) {
  return valid_only(load_draft(file, environment, catalogs));
}

}  // namespace weir
