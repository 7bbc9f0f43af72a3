#include "balancers/haproxy/haproxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "balancers/complaints.h"
#include "balancers/haproxy/balancer.h"

namespace weir {
namespace {

constexpr Key kServerOptions[] = {
    {.name = "check",
     .type = KeyType::boolean,
     .doc = "HAProxy checks the servers itself too, as the backend's option httpchk says or by a connection.",
     .fallback = "false"},
    {.name = "inter",
     .type = KeyType::duration,
     .doc = "Between two checks.",
     .fallback = "2s",
     .minimum = 0.001,
     .maximum = 86400},
    {.name = "rise",
     .type = KeyType::integer,
     .doc = "Good checks until a server is up.",
     .fallback = "2",
     .minimum = 1,
     .maximum = 1000},
    {.name = "fall",
     .type = KeyType::integer,
     .doc = "Failed checks until a server is down.",
     .fallback = "3",
     .minimum = 1,
     .maximum = 1000},
    {.name = "maxconn",
     .type = KeyType::integer,
     .doc = "Requests at once to one server, the rest waits in HAProxy; 0 is no limit.",
     .minimum = 0,
     .maximum = 1e6},
    {.name = "slowstart",
     .type = KeyType::duration,
     .doc = "Over which time a new server gets its full share; needs check.",
     .minimum = 0.001,
     .maximum = 86400},
    {.name = "more",
     .type = KeyType::texts,
     .doc = "More words of every server, such as [ssl, verify, none]; those that HAProxy takes at run time."},
};

constexpr Key kKeys[] = {
    {.name = "socket", .doc = "Absolute path of HAProxy's `stats socket`, which must have level admin.", .required = true},
    {.name = "backend", .doc = "Name of the backend; all its servers are weir's.", .required = true},
    {.name = "master_socket",
     .doc = "Absolute path of the master's socket (haproxy -W -S PATH), by which requests count that run in workers a reload "
            "replaced."},
    {.name = "file",
     .doc = "Absolute path of the file weir owns, which holds the backend section: HAProxy gets it as one more -f, so that it "
            "starts with "
            "the right servers; without it, a start or reload begins with those of your configuration until weir's next turn."},
    {.name = "lines", .type = KeyType::texts, .doc = "Lines of the backend section, before the servers; with file only."},
    {.name = "defaults", .doc = "Name of the defaults section the backend is made from; with file only."},
    {.name = "server_options", .type = KeyType::section, .doc = "Parameters of every server.", .keys = kServerOptions},
    {.name = "test",
     .type = KeyType::command,
     .doc = "Command that checks the configuration before the file is replaced; {file} in it stands for the new text's file."},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "How long HAProxy may take to answer one command.",
     .fallback = "5s",
     .minimum = 0.1,
     .maximum = 600},
    {.name = "adopt",
     .type = KeyType::boolean,
     .doc = "Take over a file that weir did not write, or wrote for another group.",
     .fallback = "false"},
};

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("_.:-").contains(c);
  });
}

/// One word of the runtime API, which cannot end its command, nor a line of the file.
bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; }) &&
         text.find_first_of(";#'\"\\") == std::string_view::npos;
}

bool is_line(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= ' '; });
}

/// The first word of a line.
std::string_view keyword(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line.substr(0, line.find(' '));
}

void check_file_keys(const Settings& settings, Complaints& complaints) {
  const bool file = settings.has("file");
  complaints.expect(!file || settings.text("file").starts_with('/'), "file", "expected an absolute path");
  for (const std::string_view key : {"lines", "defaults", "test"}) {
    complaints.expect(file || !settings.has(key), key, "belongs to a file; without one the backend is in your own configuration");
  }
  complaints.expect(!settings.has("defaults") || is_name(settings.text("defaults")), "defaults", "expected a name");
  const auto& test = settings.texts("test");
  const bool names_file = std::ranges::any_of(test, [](const std::string& word) { return word.contains("{file}"); });
  complaints.expect(!settings.has("test") || names_file, "test",
                    "expected a command with {file}, such as: haproxy -c -f /etc/haproxy/haproxy.cfg -f {file}");
  constexpr std::array<std::string_view, 5> kSections = {"backend", "frontend", "listen", "defaults", "global"};
  for (const std::string& line : settings.texts("lines")) {
    complaints.expect(is_line(line) && std::ranges::find(kSections, keyword(line)) == kSections.end(), "lines",
                      "expected lines of a backend section");
    complaints.expect(keyword(line) != "server-template", "lines", "weir adds the servers itself; it has no use for slots");
  }
}

void check_more(const Settings& options, Complaints& complaints) {
  constexpr std::array<std::string_view, 5> kNotAtRunTime = {"cookie", "init-addr", "resolvers", "resolve-opts", "redir"};
  constexpr std::array<std::string_view, 8> kKeysOfOurs = {"check",   "inter",     "rise",   "fall",
                                                           "maxconn", "slowstart", "weight", "disabled"};
  for (const std::string& word : options.texts("more")) {
    complaints.expect(is_word(word), "server_options.more",
                      fmt::format("'{}' is not one word that HAProxy takes as it stands", word));
    complaints.expect(std::ranges::find(kNotAtRunTime, word) == kNotAtRunTime.end(), "server_options.more",
                      fmt::format("HAProxy does not take '{}' for a server that is added at run time", word));
    complaints.expect(std::ranges::find(kKeysOfOurs, word) == kKeysOfOurs.end(), "server_options.more",
                      fmt::format("weir says '{}' itself", word));
  }
}

std::vector<SettingsError> check(const BalancerRequest& request) {
  const Settings& settings = request.spec.settings;
  const Settings& options = settings.section("server_options");
  Complaints complaints(settings);
  complaints.expect(settings.text("socket").starts_with('/'), "socket", "expected an absolute path");
  complaints.expect(!settings.has("master_socket") || settings.text("master_socket").starts_with('/'), "master_socket",
                    "expected an absolute path");
  complaints.expect(is_name(settings.text("backend")), "backend", "expected a name: letters, digits, '_', '.', ':', '-'");
  check_file_keys(settings, complaints);
  complaints.expect(!options.has("slowstart") || options.boolean("check"), "server_options.slowstart", "needs check: true");
  check_more(options, complaints);
  return complaints.take();
}

std::vector<std::string> words_of(const Settings& options) {
  std::vector<std::string> words;
  const auto add = [&](std::string_view name, std::string value) {
    words.insert(words.end(), {std::string(name), std::move(value)});
  };
  const auto milliseconds = [&](std::string_view key) { return fmt::format("{}ms", options.duration(key).count()); };
  if (options.boolean("check")) {
    words.emplace_back("check");
    add("inter", milliseconds("inter"));
    add("rise", std::to_string(options.integer("rise")));
    add("fall", std::to_string(options.integer("fall")));
  }
  if (options.integer("maxconn") > 0) add("maxconn", std::to_string(options.integer("maxconn")));
  if (options.has("slowstart")) add("slowstart", milliseconds("slowstart"));
  // HAProxy's own defaults for servers in its configuration. One added at run time would begin with zeros, and open a connection
  // for each request.
  const auto& more = options.texts("more");
  const auto says = [&](std::string_view word) { return std::ranges::find(more, word) != more.end(); };
  if (!says("pool-max-conn")) add("pool-max-conn", "-1");
  if (!says("pool-purge-delay")) add("pool-purge-delay", "5s");
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Result<std::unique_ptr<Balancer>> make(const BalancerRequest& request, BalancerShared& /*shared*/) {
  const Settings& settings = request.spec.settings;
  const Settings& options = settings.section("server_options");
  return std::make_unique<HaproxyBalancer>(
      HaproxyPlace{.runtime = HaproxyRuntime(settings.text("socket"), settings.duration("timeout"), settings.text("master_socket")),
                   .format = {.group = request.group.name,
                              .backend = settings.text("backend"),
                              .defaults = settings.text("defaults"),
                              .lines = settings.texts("lines"),
                              .options = words_of(options),
                              .checks = options.boolean("check")},
                   .file = settings.text("file"),
                   .test = settings.texts("test"),
                   .adopt = settings.boolean("adopt")});
}

}  // namespace

BalancerType haproxy_balancer() {
  return {.name = "haproxy",
          .doc = "A backend of HAProxy on this host, changed at run time without a reload, and a file for its next start.",
          .keys = kKeys,
          .check = check,
          .abilities = {.counts_connections = true, .weighs = true, .tested_against = "a real HAProxy"},
          .make = make};
}

}  // namespace weir
