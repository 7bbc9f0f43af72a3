#include "balancers/nginx/nginx.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "balancers/complaints.h"
#include "balancers/nginx/balancer.h"
#include "balancers/shared.h"

namespace weir {
namespace {

constexpr std::string_view kLayouts[] = {"servers", "upstream"};

constexpr Key kServerOptions[] = {
    {.name = "weight",
     .type = KeyType::integer,
     .doc = "Multiplies the weight of every server; for several groups whose servers share one upstream.",
     .fallback = "1",
     .minimum = 1,
     .maximum = 1000},
    {.name = "max_fails",
     .type = KeyType::integer,
     .doc = "Failed attempts within fail_timeout after which nginx stops using a server by itself; 0 leaves that to weir's health "
            "checks.",
     .fallback = "0",
     .minimum = 0,
     .maximum = 1e6},
    {.name = "fail_timeout", .type = KeyType::duration, .doc = "See max_fails; whole seconds.", .minimum = 1, .maximum = 86400},
    {.name = "max_conns",
     .type = KeyType::integer,
     .doc = "Connections at once to one server; 0 is no limit.",
     .minimum = 0,
     .maximum = 1e6},
    {.name = "backup",
     .type = KeyType::boolean,
     .doc = "Use these servers only when all others are unavailable.",
     .fallback = "false"},
};

constexpr Key kKeys[] = {
    {.name = "file", .doc = "Absolute path of the file weir owns and nginx includes.", .required = true},
    {.name = "layout",
     .type = KeyType::choice,
     .doc = "servers: lines to include inside an upstream block; upstream: the whole block.",
     .fallback = "servers",
     .choices = kLayouts},
    {.name = "upstream", .doc = "Name of the upstream block; layout upstream only."},
    {.name = "method",
     .doc = "round_robin, least_conn, ip_hash, random [two [least_conn]] or hash KEY [consistent]; layout upstream only.",
     .fallback = "round_robin"},
    {.name = "keepalive",
     .type = KeyType::integer,
     .doc = "Idle connections each worker keeps open to the servers; layout upstream only.",
     .minimum = 1,
     .maximum = 1e6},
    {.name = "zone", .doc = "Size of the shared memory zone, such as 64k; layout upstream only."},
    {.name = "server_options", .type = KeyType::section, .doc = "Parameters of every server line.", .keys = kServerOptions},
    {.name = "test", .type = KeyType::command, .doc = "Command that checks nginx's whole configuration.", .fallback = "nginx -t"},
    {.name = "reload",
     .type = KeyType::command,
     .doc = "Command that makes nginx load its configuration.",
     .fallback = "nginx -s reload"},
    {.name = "pid_file",
     .doc = "nginx's pid file, by which weir proves reloads and counts connections; empty: nginx is not visible from this host.",
     .fallback = "/run/nginx.pid"},
    {.name = "access_log",
     .doc = "nginx's access log, whose log_format has `status=$status upstream=\"$upstream_addr\"`, by which requests lost in a "
            "scale-in are counted; empty: they are not."},
    {.name = "adopt",
     .type = KeyType::boolean,
     .doc = "Take over a file that weir did not write, or wrote for another group.",
     .fallback = "false"},
};

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

bool is_size(std::string_view text) {
  if (!text.empty() && std::string_view("kKmM").contains(text.back())) text.remove_suffix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_method(std::string_view text) {
  constexpr std::array<std::string_view, 6> kWhole = {"round_robin", "least_conn", "ip_hash",
                                                      "random",      "random two", "random two least_conn"};
  if (std::ranges::find(kWhole, text) != kWhole.end()) return true;
  // Braces only as part of a variable: ${name}; anything that could end the directive is refused.
  return text.starts_with("hash ") && text.size() > 5 && text.find_first_of(";\n\r#'\"\\") == std::string_view::npos;
}

void check_upstream_keys(const Settings& settings, Complaints& complaints) {
  if (settings.text("layout") != "upstream") {
    for (const std::string_view key : {"upstream", "keepalive", "zone"}) {
      complaints.expect(!settings.has(key), key,
                        "only layout: upstream has it; with layout: servers it belongs into your own upstream block");
    }
    complaints.expect(settings.text("method") == "round_robin" || !settings.has("method"), "method",
                      "only layout: upstream has it; with layout: servers it belongs into your own upstream block");
    return;
  }
  complaints.expect(is_name(settings.text("upstream")), "upstream",
                    "layout: upstream needs the name of the upstream block: letters, digits, '_', '.', '-'");
  complaints.expect(is_method(settings.text("method")), "method",
                    "expected round_robin, least_conn, ip_hash, random [two [least_conn]] or hash KEY [consistent]");
  complaints.expect(!settings.has("zone") || is_size(settings.text("zone")), "zone", "expected a size such as 64k or 1m");
}

std::vector<SettingsError> check(const BalancerRequest& request) {
  const Settings& settings = request.spec.settings;
  const std::string& pid_file = settings.text("pid_file");
  Complaints complaints(settings);
  complaints.expect(settings.text("file").starts_with('/'), "file", "expected an absolute path");
  complaints.expect(pid_file.empty() || pid_file.starts_with('/'), "pid_file", "expected an absolute path, or an empty string");
  complaints.expect(!settings.has("access_log") || settings.text("access_log").starts_with('/'), "access_log",
                    "expected an absolute path");
  complaints.expect(!settings.texts("test").empty(), "test", "expected a command");
  complaints.expect(!settings.texts("reload").empty(), "reload", "expected a command");
  check_upstream_keys(settings, complaints);
  const Duration fail_timeout = settings.section("server_options").duration("fail_timeout");
  complaints.expect(fail_timeout % std::chrono::seconds(1) == Duration{0}, "server_options.fail_timeout",
                    "nginx takes whole seconds");
  return complaints.take();
}

NginxFormat format_of(const std::string& group, const Settings& settings) {
  const Settings& options = settings.section("server_options");
  return {.group = group,
          .layout = settings.text("layout") == "upstream" ? NginxFormat::Layout::upstream : NginxFormat::Layout::servers,
          .upstream = settings.text("upstream"),
          .method = settings.text("method"),
          .keepalive = settings.integer("keepalive"),
          .zone = settings.text("zone"),
          .weight = options.has("weight") ? options.integer("weight") : 1,
          .max_fails = options.integer("max_fails"),
          .fail_timeout = std::chrono::duration_cast<std::chrono::seconds>(options.duration("fail_timeout")),
          .max_conns = options.integer("max_conns"),
          .backup = options.boolean("backup")};
}

Result<std::unique_ptr<Balancer>> make(const BalancerRequest& request, BalancerShared& shared) {
  const Settings& settings = request.spec.settings;
  NginxReloader& reloader = shared.nginx.reloader(
      {.test = settings.texts("test"), .reload = settings.texts("reload"), .pid_file = settings.text("pid_file")});
  NginxFile file{
      .path = settings.text("file"), .format = format_of(request.group.name, settings), .adopt = settings.boolean("adopt")};
  return std::make_unique<NginxBalancer>(std::move(file), reloader, settings.text("access_log"));
}

}  // namespace

BalancerType nginx_balancer() {
  return {.name = "nginx",
          .doc = "A file that nginx on this host includes; tested, reloaded and proven.",
          .keys = kKeys,
          .check = check,
          .abilities = {.counts_connections = true, .weighs = true, .tested_against = "a real nginx"},
          .make = make};
}

}  // namespace weir
