#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "balancers/balancer.h"
#include "controller/config/access.h"
#include "controller/delivery/rules.h"
#include "model/error.h"
#include "model/group.h"
#include "model/time.h"
#include "platform/http_client.h"
#include "policies/policy.h"
#include "providers/provider.h"
#include "receivers/receiver.h"

namespace weir {

/// How the log is written: `key=value` lines, or one JSON object a line.
enum class LogFormat { text, json };

/// Where the API, the web page and the metrics are served.
struct Listen {
  std::string host;  ///< without the brackets of an IPv6 address
  int port = 0;      ///< 0: any free one
  bool operator==(const Listen&) const = default;
};

/// The `controller:` section.
struct ControllerSettings {
  Duration interval{15'000};  ///< for groups without their own
  std::filesystem::path state;
  Listen listen;
  ApiAccess access;  ///< that of `token` is called "token". Secret
  ApiRates rates;
  TlsFiles tls;
  std::vector<std::string> secret_files;  ///< of the tokens and of TLS
  LogFormat log_format = LogFormat::text;
  bool log_calls = false;         ///< one line for every call to an API
  int workers = 4;                ///< turns at the same time
  Duration history_retention{0};  ///< how long decisions are kept
};

/// The `prometheus:` section.
struct PrometheusSettings {
  std::string url;  ///< http:// or https://, without a slash at the end
  Duration timeout{5000};
  HttpAccess access;
};

/// One entry of `providers:`; its type's own table has checked `settings`, which also hold `type` (as those of policies and
/// balancers hold their `name` and `type`).
struct ProviderSpec {
  std::string type;
  Settings settings;
};

/// A whole configuration file, parsed and checked; immutable while it is in force.
struct Config {
  std::filesystem::path source;
  std::string fingerprint;  ///< of the file's text: equal fingerprint, equal file
  ControllerSettings controller;
  std::optional<PrometheusSettings> prometheus;  ///< absent only if no policy asks a query
  std::map<std::string, ProviderSpec> providers;
  std::vector<Group> groups;  ///< in the order of the file
  NotificationRules notifications;
};

struct YamlNode;

/// One complaint about a configuration file. Never holds a secret.
struct ConfigError {
  std::string file;
  int line = 0;  ///< line and column count from 1; 0: about the file as a whole
  int column = 0;
  std::string path;  ///< "groups[0].policies[1].above"; empty at the top
  std::string message;
  bool operator==(const ConfigError&) const = default;
};

/// `weir.yaml:12:7: groups[0].min: expected …`
[[nodiscard]] std::string to_string(const ConfigError& error);

/// Sorted by position, never empty.
using ConfigErrors = std::vector<ConfigError>;
using ConfigResult = std::expected<Config, ConfigErrors>;

/// What a file says as far as it can be read, and what is wrong with it.
struct ConfigDraft {
  Config config;
  ConfigErrors errors;  ///< sorted by position; empty: the configuration is valid
  /// Whether the section `controller` is good, so that a controller started with an earlier text can be asked.
  [[nodiscard]] bool tells_of_the_controller() const;
};

/// What a configuration may take from outside the file.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<Result<std::string>(const std::filesystem::path&)> read_file;
};

/// The process's own environment variables and files. A secret's file must be a regular one of at most 64 KiB.
[[nodiscard]] Environment process_environment();

/// What exists.
struct Catalogs {
  std::span<const ProviderType> providers;
  std::span<const PolicyType> policies;
  std::span<const BalancerType> balancers;
  std::span<const ReceiverType> receivers = receiver_catalog();
};

/// Everything this program has.
[[nodiscard]] Catalogs builtin_catalogs();

/// Reads a configuration (YAML, or JSON as its subset). All errors are found at once; nothing is thrown and nothing is started.
/// `file` is only for messages.
[[nodiscard]] ConfigResult parse_config(std::string_view text, const std::filesystem::path& file, const Environment& environment,
                                        const Catalogs& catalogs);

/// The same, from YAML that is parsed already: a configuration inside another file, whose places its errors then name.
[[nodiscard]] ConfigResult read_config(const YamlNode& root, const std::filesystem::path& file, const Environment& environment,
                                       const Catalogs& catalogs);

/// The same, from a file.
[[nodiscard]] ConfigResult load_config(const std::filesystem::path& file, const Environment& environment, const Catalogs& catalogs);

/// The same, with what can be read of a file that is not valid.
[[nodiscard]] ConfigDraft load_draft(const std::filesystem::path& file, const Environment& environment, const Catalogs& catalogs);

/// What is allowed and yet hardly meant: policies that work against each other, rules that cannot act. For people.
[[nodiscard]] std::vector<std::string> lint_config(const Config& config);

/// What is wrong with the permissions of the files that hold the API's secrets. For people.
[[nodiscard]] std::vector<std::string> exposed_secrets(const Config& config);

/// The JSON Schema (draft 2020-12) of the file, for editors.
[[nodiscard]] std::string config_schema(const Catalogs& catalogs);

/// The reference of all keys, in Markdown.
[[nodiscard]] std::string config_reference(const Catalogs& catalogs);

/// The same as the page weir.yaml(5), for man(1).
[[nodiscard]] std::string config_man_page(const Catalogs& catalogs, std::string_view version);

}  // namespace weir
