#include "controller/policy_test/test_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <regex>
#include <set>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "controller/config/reader.h"
#include "controller/config/values.h"
#include "controller/config/yaml.h"
#include "controller/policy_test/world.h"
#include "controller/render/rfc3339.h"
#include "platform/file.h"
#include "policies/policy.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr double kMostServers = 10'000;
constexpr std::int64_t kMostTurns = 1'000'000;

constexpr Key kFileKeys[] = {
    {.name = "config", .doc = "The configuration whose groups are tested, relative to this file."},
    {.name = "group", .type = KeyType::section, .doc = "Instead of config: an entry of `groups:`."},
    {.name = "tests", .type = KeyType::sections, .doc = "The tests.", .required = true},
};
constexpr Key kTestKeys[] = {
    {.name = "name", .doc = "What it shows; unique in its file.", .required = true},
    {.name = "group",
     .type = KeyType::section,
     .doc = "Which group of the configuration; or keys of a group, in place of those of the file's."},
    {.name = "at", .doc = "Time of the first turn.", .fallback = "2026-01-01T00:00:00Z"},
    {.name = "interval",
     .type = KeyType::duration,
     .doc = "From one turn, and one value of a series, to the next; else the group's.",
     .minimum = 0.1,
     .maximum = 366.0 * 86'400},
    {.name = "servers", .type = KeyType::section, .doc = "How many are in service at first, or a list of them."},
    {.name = "desired",
     .type = KeyType::integer,
     .doc = "Else as many as there are servers.",
     .minimum = 0,
     .maximum = kMostServers},
    {.name = "boot",
     .type = KeyType::duration,
     .doc = "From a launch until it answers its health checks.",
     .fallback = "0s",
     .minimum = 0},
    {.name = "series", .type = KeyType::section, .doc = "What the queries are answered with, by policy."},
    {.name = "orders", .type = KeyType::sections, .doc = "What an operator does."},
    {.name = "expect", .type = KeyType::sections, .doc = "What must come of it.", .required = true},
};
constexpr Key kServerKeys[] = {
    {.name = "id", .doc = "Its name, as the series call it.", .required = true},
    {.name = "warm", .type = KeyType::duration, .doc = "In service for so long.", .minimum = 0},
    {.name = "unready", .type = KeyType::boolean, .doc = "Never healthy.", .fallback = "false"},
};
constexpr std::array<std::string_view, 4> kStatuses = {"empty", "nan", "degraded", "failed"};
constexpr Key kAnswerKeys[] = {
    {.name = "value", .doc = "A series, where the status is not enough."},
    {.name = "status", .type = KeyType::choice, .doc = "How the query ends in every turn.", .required = true, .choices = kStatuses},
};
constexpr std::array<std::string_view, 3> kDirections = {"out", "in", "both"};
constexpr Key kOrderKeys[] = {
    {.name = "at", .type = KeyType::duration, .doc = "When, after the first turn.", .required = true, .minimum = 0},
    {.name = "scale", .type = KeyType::integer, .doc = "Hold so many servers.", .minimum = 0, .maximum = kMostServers},
    {.name = "pause", .type = KeyType::choice, .doc = "Scale neither out nor in, or only not so.", .choices = kDirections},
    {.name = "resume", .type = KeyType::boolean, .doc = "Forget every scale and pause.", .fallback = "false"},
    {.name = "for", .type = KeyType::duration, .doc = "For so long; else until resumed.", .minimum = 1},
};
constexpr Key kExpectKeys[] = {
    {.name = "at",
     .type = KeyType::duration,
     .doc = "Which turn: the one at or just before this time.",
     .fallback = "0s",
     .minimum = 0},
    {.name = "desired", .type = KeyType::integer, .doc = "How many servers it wants."},
    {.name = "min", .type = KeyType::integer, .doc = "The min in force."},
    {.name = "max", .type = KeyType::integer, .doc = "The max in force."},
    {.name = "in_service", .type = KeyType::integer, .doc = "How many servers it finds in service."},
    {.name = "stage", .type = KeyType::section, .doc = "What a stage made of it."},
    {.name = "votes", .type = KeyType::section, .doc = "What a policy says: wants N, content, abstains."},
    {.name = "why", .doc = "A regular expression that the reason of a step or vote, or a note, has to match."},
    {.name = "actions", .type = KeyType::section, .doc = "The actions of this turn: a list of kinds, or how many of each."},
};
constexpr std::array<std::string_view, 11> kStages = {"votes",    "guards",      "did_it_help", "pause",    "stabilization_window",
                                                      "cooldown", "rate_limits", "budget",      "operator", "min_max",
                                                      "inventory"};
constexpr std::array<std::string_view, 7> kActions = {"launch", "admit", "drain", "readmit", "terminate", "set_weight", "run_hook"};

Environment test_environment() {
  Environment environment = process_environment();
  environment.read_file = [](const std::filesystem::path&) -> Result<std::string> { return "not needed by a test"; };
  return environment;
}

YamlNode scalar_node(std::string text, SourceMark mark) {
  return {.kind = YamlNode::Kind::scalar, .mark = mark, .text = std::move(text), .items = {}, .entries = {}};
}

YamlNode mapping_node(SourceMark mark, std::vector<YamlEntry> entries) {
  return {.kind = YamlNode::Kind::mapping, .mark = mark, .text = {}, .items = {}, .entries = std::move(entries)};
}

/// The keys of `over` in place of those of `base`.
YamlNode laid_over(const YamlNode& base, const YamlNode& over) {
  YamlNode result = over;
  for (const YamlEntry& entry : base.entries) {
    if (find(over, entry.key) == nullptr) result.entries.push_back(entry);
  }
  return result;
}

/// A configuration around one group: with a metric source, a provider that has no keys, and what else the group lacks.
YamlNode configuration_around(YamlNode group) {
  const SourceMark mark = group.mark;
  const auto add = [&](const char* key, const char* value) {
    if (find(group, key) == nullptr) group.entries.push_back({key, mark, scalar_node(value, mark)});
  };
  add("name", "test");
  add("provider", "memory");
  YamlNode groups{.kind = YamlNode::Kind::list, .mark = mark, .text = {}, .items = {std::move(group)}, .entries = {}};
  YamlNode memory = mapping_node(mark, {{"type", mark, scalar_node("memory", mark)}});
  return mapping_node(mark, {{"prometheus", mark, mapping_node(mark, {{"url", mark, scalar_node("http://127.0.0.1:9090", mark)}})},
                             {"providers", mark, mapping_node(mark, {{"memory", mark, std::move(memory)}})},
                             {"groups", mark, std::move(groups)}});
}

Sample::Status status_named(std::string_view text) {
  if (text == "empty") return Sample::Status::empty;
  if (text == "nan") return Sample::Status::nan;
  return text == "degraded" ? Sample::Status::degraded : Sample::Status::failed;
}

/// One file of tests, entry by entry.
class TestFileReader {
 public:
  TestFileReader(std::filesystem::path file, const Catalogs& catalogs)
      : file_(std::move(file)), catalogs_(catalogs), environment_(test_environment()), reader_(file_, environment_) {}

  TestFileResult read(std::string_view text) {
    const auto root = parse_yaml(text);
    if (root) {
      read_root(*root);
    } else {
      reader_.complain(root.error().mark, "", root.error().message);
    }
    ConfigErrors errors = reader_.take_errors();
    errors.insert(errors.end(), foreign_errors_.begin(), foreign_errors_.end());
    std::ranges::sort(errors, {}, [](const ConfigError& error) {
      return std::tie(error.file, error.line, error.column, error.path, error.message);
    });
    // A group that several tests change a little is wrong in the same place each time.
    const auto repeated = std::ranges::unique(errors, [](const ConfigError& one, const ConfigError& other) {
      return one.line > 0 &&
             std::tie(one.file, one.line, one.column, one.message) == std::tie(other.file, other.line, other.column, other.message);
    });
    errors.erase(repeated.begin(), repeated.end());
    if (!errors.empty()) return std::unexpected(std::move(errors));
    return TestFile{file_, std::move(tests_)};
  }

 private:
  void read_root(const YamlNode& root) {
    if (root.kind == YamlNode::Kind::nothing) return reader_.complain({}, "", "the file is empty: expected a group and tests");
    const Settings settings = reader_.read(root, kFileKeys, "");
    base_ = find(root, "group");
    if (base_ != nullptr && base_->kind != YamlNode::Kind::mapping) {
      return reader_.complain(base_->mark, "group", "expected a mapping: an entry of groups");
    }
    if (base_ != nullptr && settings.has("config")) {
      return reader_.complain(settings.mark("config"), "config", "expected either config or group, not both");
    }
    if (settings.has("config") && !load(settings)) return;
    const YamlNode* tests = find(root, "tests");
    if (tests == nullptr) return;
    const auto items = reader_.items(*tests, "tests");
    if (items.empty()) reader_.complain(tests->mark, "tests", "expected at least one test");
    for (std::size_t i = 0; i < items.size(); ++i) read_test(items[i], join_path("tests", i));
  }

  bool load(const Settings& settings) {
    auto config = load_config(file_.parent_path() / settings.text("config"), environment_, catalogs_);
    if (config) {
      config_ = *std::move(config);
      return true;
    }
    foreign_errors_ = std::move(config.error());
    return false;
  }

  void read_test(const YamlNode& node, const std::string& path) {
    const std::size_t before = reader_.error_count();
    const Settings settings = reader_.read(node, kTestKeys, path);
    if (node.kind != YamlNode::Kind::mapping) return;
    PolicyTest test{.name = settings.text("name"), .mark = node.mark};
    if (settings.has("name") && !names_.insert(test.name).second) {
      reader_.complain(settings.mark("name"), join_path(path, "name"),
                       fmt::format("'{}' is already the name of another test", test.name));
    }
    read_begin(settings, path, test);
    test.boot = settings.duration("boot");
    const bool known = read_group(node, path, test);
    if (settings.has("interval")) test.group.interval = settings.duration("interval");
    read_servers(node, path, test);
    test.desired = settings.has("desired") ? settings.integer("desired") : static_cast<int>(test.servers.size());
    if (known) read_series(node, path, test);
    read_orders(node, path, test);
    read_expectations(node, path, known, test);
    if (reader_.error_count() == before) tests_.push_back(std::move(test));
  }

  void read_begin(const Settings& settings, const std::string& path, PolicyTest& test) {
    if (!settings.has("at")) return;
    const auto begin = parse_rfc3339(settings.text("at"));
    if (begin) {
      test.begin = *begin;
      return;
    }
    reader_.complain(settings.mark("at"), join_path(path, "at"),
                     fmt::format("expected a time such as 2026-03-01T09:00:00Z, found '{}'", settings.text("at")));
  }

  bool read_group(const YamlNode& node, const std::string& path, PolicyTest& test) {
    const YamlNode* said = find(node, "group");
    const bool changed = said != nullptr && said->kind == YamlNode::Kind::mapping;
    const std::string here = join_path(path, "group");
    std::optional<Group> group;
    if (changed && config_) {
      reader_.complain(said->mark, here, "expected the name of a group of the configuration");
    } else if (changed) {
      group = built(base_ != nullptr ? laid_over(*base_, *said) : *said, here);
    } else if (base_ != nullptr && said == nullptr) {
      group = built(*base_, "group");
    } else {
      group = named(node, said, here);
    }
    if (!group) return false;
    if (!group->elastic)
      reader_.complain(node.mark, here, fmt::format("group {} has fixed servers: there is nothing to decide", group->name));
    test.group = *std::move(group);
    // Nobody sends requests here, so nobody has to be drained.
    test.group.balancers.clear();
    return test.group.elastic;
  }

  std::optional<Group> built(const YamlNode& node, const std::string& path) {
    constexpr std::string_view kPath = "groups[0]";
    auto config = read_config(configuration_around(node), file_, environment_, catalogs_);
    if (config) return std::move(config->groups.front());
    for (const ConfigError& error : config.error()) {
      const bool inside = error.path.starts_with(kPath);
      reader_.complain({error.line, error.column}, inside ? path + error.path.substr(kPath.size()) : error.path, error.message);
    }
    return std::nullopt;
  }

  std::optional<Group> named(const YamlNode& node, const YamlNode* said, const std::string& path) {
    if (!config_) {
      reader_.complain(said != nullptr ? said->mark : node.mark, path,
                       "expected 'config' or 'group' at the top of this file, or a group here");
      return std::nullopt;
    }
    std::vector<std::string_view> names;
    for (const Group& group : config_->groups) names.push_back(group.name);
    if (said == nullptr && names.size() == 1) return config_->groups.front();
    if (said == nullptr) {
      reader_.complain(node.mark, path, fmt::format("required but missing: one of {}", fmt::join(names, ", ")));
      return std::nullopt;
    }
    const auto name = reader_.scalar(*said, path, "the name of a group");
    if (!name) return std::nullopt;
    const auto found = std::ranges::find(config_->groups, *name, &Group::name);
    if (found != config_->groups.end()) return *found;
    reader_.complain_unknown(said->mark, path, "group", *name, names);
    return std::nullopt;
  }

  void read_servers(const YamlNode& node, const std::string& path, PolicyTest& test) {
    const YamlNode* servers = find(node, "servers");
    const std::string here = join_path(path, "servers");
    if (servers == nullptr)
      return reader_.complain(node.mark, here, "required but missing: how many are in service at first, or a list");
    if (servers->kind == YamlNode::Kind::list) return read_server_list(*servers, here, test);
    const int count = whole_number(*servers, here).value_or(0);
    for (int number = 1; number <= count; ++number) test.servers.push_back({.id = fmt::format("s{}", number)});
  }

  void read_server_list(const YamlNode& list, const std::string& path, PolicyTest& test) {
    std::set<std::string> ids;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const std::string here = join_path(path, i);
      const Settings settings = reader_.read(list.items[i], kServerKeys, here);
      TestServer server{.id = settings.text("id"), .warm = {}, .unready = settings.boolean("unready")};
      if (settings.has("warm")) server.warm = settings.duration("warm");
      if (settings.has("id") && !ids.insert(server.id).second) {
        reader_.complain(settings.mark("id"), join_path(here, "id"),
                         fmt::format("'{}' is already the id of another server", server.id));
      }
      if (server.warm && server.unready) {
        reader_.complain(settings.mark("unready"), join_path(here, "unready"), "expected either warm or unready, not both");
      }
      test.servers.push_back(std::move(server));
    }
  }

  std::optional<int> whole_number(const YamlNode& node, const std::string& path) {
    const auto text = reader_.scalar(node, path, "a whole number");
    if (!text) return std::nullopt;
    const auto number = parse_integer(*text);
    if (number && *number >= 0 && *number <= static_cast<std::int64_t>(kMostServers)) return static_cast<int>(*number);
    reader_.complain(node.mark, path, fmt::format("expected a whole number from 0 to {}, found '{}'", kMostServers, *text));
    return std::nullopt;
  }

  void read_series(const YamlNode& node, const std::string& path, PolicyTest& test) {
    const YamlNode* series = find(node, "series");
    if (series == nullptr) return;
    const std::string here = join_path(path, "series");
    const std::vector<AskedQuery> asked = asked_by(test.group, make_policies(test.group));
    std::vector<std::string_view> known;
    for (const AskedQuery& query : asked) {
      if (std::ranges::find(known, query.name) == known.end()) known.emplace_back(query.name);
    }
    for (const YamlEntry* entry : reader_.entries(*series, here)) {
      const std::string place = join_path(here, entry->key);
      const auto query = std::ranges::find(asked, entry->key, &AskedQuery::name);
      if (query == asked.end()) {
        reader_.complain_unknown(entry->mark, place, "name", entry->key, known);
      } else {
        test.answers[entry->key] = read_answers(entry->value, place, query->per_server);
      }
    }
  }

  TestAnswers read_answers(const YamlNode& node, const std::string& path, bool per_server) {
    TestAnswers answers;
    const bool mapping = node.kind == YamlNode::Kind::mapping;
    if (mapping && find(node, "status") != nullptr) {
      const Settings settings = reader_.read(node, kAnswerKeys, path);
      if (settings.has("status")) answers.status = status_named(settings.text("status"));
      if (const YamlNode* value = find(node, "value")) answers.values = read_values(*value, join_path(path, "value"));
      return answers;
    }
    if (mapping != per_server) {
      reader_.complain(node.mark, path,
                       per_server ? "expected {SERVER: VALUES, …}: the query has a server_label, so it has a series for each server"
                                  : "expected values such as '75x20', or {status: failed}: the query has one series");
      return answers;
    }
    if (!per_server) {
      answers.values = read_values(node, path);
      return answers;
    }
    for (const YamlEntry* entry : reader_.entries(node, path)) {
      answers.servers[entry->key] = read_values(entry->value, join_path(path, entry->key));
    }
    return answers;
  }

  SeriesValues read_values(const YamlNode& node, const std::string& path) {
    const auto text = reader_.scalar(node, path, "values such as '75x20'");
    if (!text) return {};
    auto values = parse_series(*text);
    if (values) return *std::move(values);
    reader_.complain(node.mark, path, values.error());
    return {};
  }

  void read_orders(const YamlNode& node, const std::string& path, PolicyTest& test) {
    const YamlNode* orders = find(node, "orders");
    if (orders == nullptr) return;
    const std::string here = join_path(path, "orders");
    const auto items = reader_.items(*orders, here);
    for (std::size_t i = 0; i < items.size(); ++i) read_order(items[i], join_path(here, i), test);
  }

  void read_order(const YamlNode& node, const std::string& path, PolicyTest& test) {
    const std::size_t before = reader_.error_count();
    const Settings settings = reader_.read(node, kOrderKeys, path);
    if (reader_.error_count() != before) return;
    const int verbs = (settings.has("scale") ? 1 : 0) + (settings.has("pause") ? 1 : 0) + (settings.boolean("resume") ? 1 : 0);
    if (verbs != 1)
      return reader_.complain(node.mark, path, "expected one of 'scale: N', 'pause: out | in | both' and 'resume: true'");
    Order order{.at = test.begin + settings.duration("at"), .by = "the test"};
    if (settings.has("for")) order.until = order.at + settings.duration("for");
    if (settings.has("scale")) {
      order.kind = Order::Kind::scale;
      order.servers = settings.integer("scale");
    } else if (settings.has("pause")) {
      order.kind = Order::Kind::pause;
      order.out = settings.text("pause") != "in";
      order.in = settings.text("pause") != "out";
    }
    const auto place = std::ranges::upper_bound(test.orders, order.at, {}, &Order::at);
    test.orders.insert(place, std::move(order));
  }

  void read_expectations(const YamlNode& node, const std::string& path, bool group_known, PolicyTest& test) {
    const YamlNode* expect = find(node, "expect");
    if (expect == nullptr) return;
    const std::string here = join_path(path, "expect");
    const auto items = reader_.items(*expect, here);
    if (items.empty()) reader_.complain(expect->mark, here, "expected at least one expectation: a test without one shows nothing");
    for (std::size_t i = 0; i < items.size(); ++i) read_expectation(items[i], join_path(here, i), group_known, test);
    const auto by_time = [](const Expectation& one) { return std::tuple(one.at, one.mark.line, one.mark.column); };
    std::ranges::sort(test.expectations, {}, by_time);
  }

  void read_expectation(const YamlNode& node, const std::string& path, bool group_known, PolicyTest& test) {
    const Settings settings = reader_.read(node, kExpectKeys, path);
    if (node.kind != YamlNode::Kind::mapping) return;
    Expectation expected{.mark = node.mark, .at = settings.duration("at"), .why = settings.text("why")};
    const auto number = [&](const char* key) { return settings.has(key) ? std::optional(settings.integer(key)) : std::nullopt; };
    expected.desired = number("desired");
    expected.min = number("min");
    expected.max = number("max");
    expected.in_service = number("in_service");
    if (node.entries.size() == (find(node, "at") != nullptr ? 1U : 0U))
      reader_.complain(node.mark, path, "expected something besides 'at'");
    if (expected.at / test.group.interval >= kMostTurns) {
      reader_.complain(settings.mark("at"), join_path(path, "at"),
                       fmt::format("expected at most {} turns of {} up to here", kMostTurns, format_duration(test.group.interval)));
    }
    check_pattern(settings, path);
    read_stages(node, path, expected);
    if (group_known) read_votes(node, path, test.group, expected);
    read_actions(node, path, expected);
    test.expectations.push_back(std::move(expected));
  }

  void check_pattern(const Settings& settings, const std::string& path) {
    if (!settings.has("why")) return;
    try {
      static_cast<void>(std::regex(settings.text("why")));
    } catch (const std::regex_error& error) {
      reader_.complain(settings.mark("why"), join_path(path, "why"),
                       fmt::format("expected a regular expression: {}", error.what()));
    }
  }

  void read_stages(const YamlNode& node, const std::string& path, Expectation& expected) {
    const YamlNode* stages = find(node, "stage");
    if (stages == nullptr) return;
    const std::string here = join_path(path, "stage");
    for (const YamlEntry* entry : reader_.entries(*stages, here)) {
      const std::string place = join_path(here, entry->key);
      if (std::ranges::find(kStages, entry->key) == kStages.end()) {
        reader_.complain_unknown(entry->mark, place, "stage", entry->key, kStages);
      } else if (const auto servers = whole_number(entry->value, place)) {
        expected.stages[entry->key] = *servers;
      }
    }
  }

  void read_votes(const YamlNode& node, const std::string& path, const Group& group, Expectation& expected) {
    const YamlNode* votes = find(node, "votes");
    if (votes == nullptr) return;
    const std::string here = join_path(path, "votes");
    std::vector<std::string_view> known;
    for (const PolicySpec& policy : group.policies) known.emplace_back(policy.name);
    for (const YamlEntry* entry : reader_.entries(*votes, here)) {
      const std::string place = join_path(here, entry->key);
      if (std::ranges::find(known, entry->key) == known.end()) {
        reader_.complain_unknown(entry->mark, place, "name", entry->key, known);
        continue;
      }
      const auto text = reader_.scalar(entry->value, place, "wants N, content or abstains");
      if (!text) continue;
      if (is_vote(*text)) {
        expected.votes[entry->key] = *text;
      } else {
        reader_.complain(entry->value.mark, place, fmt::format("expected wants N, content or abstains, found '{}'", *text));
      }
    }
  }

  static bool is_vote(std::string_view text) {
    constexpr std::string_view kWants = "wants ";
    if (text == "content" || text == "abstains") return true;
    return text.starts_with(kWants) && parse_integer(text.substr(kWants.size())).has_value();
  }

  void read_actions(const YamlNode& node, const std::string& path, Expectation& expected) {
    const YamlNode* actions = find(node, "actions");
    if (actions == nullptr) return;
    const std::string here = join_path(path, "actions");
    expected.actions.emplace();
    if (actions->kind == YamlNode::Kind::mapping) {
      for (const YamlEntry* entry : reader_.entries(*actions, here)) {
        const auto count = whole_number(entry->value, join_path(here, entry->key));
        count_action(entry->key, entry->mark, join_path(here, entry->key), count.value_or(0), expected);
      }
      return;
    }
    const auto items = reader_.items(*actions, here);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto kind = reader_.scalar(items[i], join_path(here, i), "the kind of an action");
      if (kind) count_action(*kind, items[i].mark, join_path(here, i), 1, expected);
    }
  }

  void count_action(const std::string& kind, SourceMark mark, const std::string& path, int count, Expectation& expected) {
    if (std::ranges::find(kActions, kind) == kActions.end()) return reader_.complain_unknown(mark, path, "action", kind, kActions);
    if (count > 0) (*expected.actions)[kind] += count;
  }

  std::filesystem::path file_;
  const Catalogs& catalogs_;
  Environment environment_;
  Reader reader_;
  const YamlNode* base_ = nullptr;  ///< the file's own group
  std::optional<Config> config_;
  ConfigErrors foreign_errors_;  ///< of the configuration
  std::set<std::string> names_;
  std::vector<PolicyTest> tests_;
};

}  // namespace

TestFileResult parse_test_file(std::string_view text, const std::filesystem::path& file, const Catalogs& catalogs) {
  return TestFileReader(file, catalogs).read(text);
}

TestFileResult load_test_file(const std::filesystem::path& file, const Catalogs& catalogs) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(ConfigErrors{{file.string(), 0, 0, "", text.error().message}});
  return parse_test_file(*text, file, catalogs);
}

}  // namespace weir
