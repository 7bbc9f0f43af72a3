#include "controller/config/keys.h"

#include <algorithm>
#include <array>

#include "controller/config/deploy.h"
#include "controller/config/notifications.h"
#include "model/limits.h"
#include "policies/constant.h"
#include "policies/schedule.h"

namespace weir {
namespace {

constexpr double kDay = 86'400;
constexpr double kYear = 366 * kDay;

constexpr std::array<std::string_view, 2> kLogFormats = {"text", "json"};
constexpr std::array<std::string_view, 3> kSelects = {"max", "min", "disabled"};
constexpr std::array<std::string_view, 3> kOrphanRules = {"adopt", "report", "remove"};

constexpr std::array<std::string_view, 2> kApiRoles = {"read", "operate"};
constexpr std::array<std::string_view, 2> kReading = {"open", "token"};

constexpr Key kTokens[] = {
    {.name = "name", .doc = "What the log and the history call it.", .required = true},
    {.name = "role",
     .type = KeyType::choice,
     .doc = "read: may ask; operate: may order as well.",
     .required = true,
     .choices = kApiRoles},
    {.name = "token", .type = KeyType::secret, .doc = "The bearer token.", .required = true},
};

constexpr Key kTls[] = {
    {.name = "certificate", .doc = "PEM file of its certificate, followed by intermediate ones.", .required = true},
    {.name = "key", .doc = "PEM file of its private key, without a passphrase.", .required = true},
    {.name = "client_ca", .doc = "PEM file of authorities: clients must show a certificate that one of them signed."},
};

constexpr Key kRateLimit[] = {
    {.name = "requests_per_second",
     .type = KeyType::number,
     .doc = "Of one address; what is more is answered 429.",
     .fallback = "200",
     .minimum = 0.1,
     .maximum = 100'000},
    {.name = "burst",
     .type = KeyType::integer,
     .doc = "So many at once after a pause.",
     .fallback = "400",
     .minimum = 1,
     .maximum = 1'000'000},
    {.name = "wrong_tokens_per_minute",
     .type = KeyType::integer,
     .doc = "Of one address; what is more is answered 429 instead of 401.",
     .fallback = "10",
     .minimum = 1,
     .maximum = 100'000},
};

constexpr Key kController[] = {
    {.name = "interval",
     .type = KeyType::duration,
     .doc = "How often each group is evaluated.",
     .fallback = "15s",
     .minimum = 0.1,
     .maximum = kDay},
    {.name = "state", .doc = "The state file (SQLite).", .fallback = "/var/lib/weir/state.db"},
    {.name = "listen",
     .doc = "Address and port of the API, the web page, /metrics, /healthz and /readyz.",
     .fallback = "127.0.0.1:8600"},
    {.name = "token",
     .type = KeyType::secret,
     .doc = "Bearer token with the role operate: every write to the API needs one; without one, none is allowed."},
    {.name = "tokens", .type = KeyType::sections, .doc = "Further bearer tokens of the API.", .keys = kTokens},
    {.name = "read",
     .type = KeyType::choice,
     .doc = "Who may read the API: whoever reaches it, or only with a token; by default with a token as soon as one has the role "
            "read, or one is configured and listen is not loopback.",
     .choices = kReading},
    {.name = "tls", .type = KeyType::section, .doc = "The API speaks TLS, 1.2 at least, and nothing else.", .keys = kTls},
    {.name = "insecure_listen",
     .type = KeyType::boolean,
     .doc =
         "true: listen may be an address that others reach although tokens or tls are missing, because something else guards it.",
     .fallback = "false"},
    {.name = "rate_limit",
     .type = KeyType::section,
     .doc = "How often one address may ask the API.",
     .fallback = "{}",
     .keys = kRateLimit},
    {.name = "log_format", .type = KeyType::choice, .doc = "key=value lines or JSON.", .fallback = "text", .choices = kLogFormats},
    {.name = "log_calls",
     .type = KeyType::boolean,
     .doc = "Whether every call to a provider's or balancer's API is logged: what was asked, how it ended, how long it took; never "
            "a secret.",
     .fallback = "false"},
    {.name = "workers",
     .type = KeyType::integer,
     .doc = "How many groups are evaluated at the same time.",
     .fallback = "4",
     .minimum = 1,
     .maximum = 256},
    {.name = "history_retention",
     .type = KeyType::duration,
     .doc = "How long decisions are kept for `weir history`.",
     .fallback = "7d",
     .minimum = 60,
     .maximum = 10 * kYear},
};

constexpr Key kPrometheus[] = {
    {.name = "url", .doc = "Where Prometheus answers: http:// or https://.", .required = true},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "After this a query has failed.",
     .fallback = "5s",
     .minimum = 0.1,
     .maximum = 600},
    {.name = "bearer_token", .type = KeyType::secret, .doc = "Sent as `Authorization: Bearer`."},
    {.name = "username", .doc = "For basic authentication."},
    {.name = "password", .type = KeyType::secret, .doc = "For basic authentication."},
    {.name = "ca_file", .doc = "PEM file of the authorities to trust instead of the system's."},
    {.name = "verify", .type = KeyType::boolean, .doc = "Whether the server's certificate is checked.", .fallback = "true"},
    {.name = "headers", .type = KeyType::text_map, .doc = "Further headers of every request."},
};

constexpr Key kHealth[] = {
    {.name = "http", .doc = "Path to GET; an answer of 200 to 399 is good. Either this or tcp."},
    {.name = "tcp", .type = KeyType::boolean, .doc = "true: a connection that opens is good (the default without http)."},
    {.name = "interval",
     .type = KeyType::duration,
     .doc = "Between two checks.",
     .fallback = "5s",
     .minimum = 0.05,
     .maximum = kDay},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "After this a check has failed; at most the interval.",
     .fallback = "2s",
     .minimum = 0.05,
     .maximum = kDay},
    {.name = "healthy_after",
     .type = KeyType::integer,
     .doc = "Good answers in a row that make a server healthy.",
     .fallback = "2",
     .minimum = 1,
     .maximum = 1000},
    {.name = "unhealthy_after",
     .type = KeyType::integer,
     .doc = "Bad answers in a row that make a server unhealthy.",
     .fallback = "3",
     .minimum = 1,
     .maximum = 1000},
    {.name = "deadline",
     .type = KeyType::duration,
     .doc = "A server not healthy this long after its launch is given up.",
     .fallback = "10m",
     .minimum = 1,
     .maximum = kDay},
};

constexpr Key kDrain[] = {
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "How long a server that left the balancers may finish its connections.",
     .fallback = "60s",
     .minimum = 0,
     .maximum = kDay},
};

constexpr Key kLimit[] = {
    {.name = "servers",
     .type = KeyType::integer,
     .doc = "At most this many servers. Either this or percent.",
     .minimum = 1,
     .maximum = kMostServers},
    {.name = "percent",
     .type = KeyType::number,
     .doc = "At most this percentage of the group's size, but one server at least.",
     .minimum = 0.01,
     .maximum = 100'000},
    {.name = "per",
     .type = KeyType::duration,
     .doc = "Within any span of this length.",
     .required = true,
     .minimum = 1,
     .maximum = kDay},
};

constexpr Key kCooldown = {
    .name = "cooldown", .type = KeyType::duration, .doc = "Rest after a change in this direction.", .minimum = 0, .maximum = kDay};
constexpr Key kStabilizationWindow = {.name = "stabilization_window",
                                      .type = KeyType::duration,
                                      .doc = "The most cautious wish of this span counts.",
                                      .minimum = 0,
                                      .maximum = kDay};
constexpr Key kLimits = {.name = "limits",
                         .type = KeyType::sections,
                         .doc = "How much may change in how long; without any, all at once.",
                         .keys = kLimit};
constexpr Key kSelect = {
    .name = "select",
    .type = KeyType::choice,
    .doc = "Which of several limits counts: the one that allows most (max) or least (min); disabled forbids this direction.",
    .fallback = "max",
    .choices = kSelects};

template <std::size_t Before, std::size_t Own>
constexpr std::array<Key, Before + Own> joined(const std::array<Key, Before>& before, const std::array<Key, Own>& own) {
  std::array<Key, Before + Own> all{};
  std::ranges::copy(before, all.begin());
  std::ranges::copy(own, all.begin() + Before);
  return all;
}

constexpr auto kGuard = joined(
    std::array{Key{.name = "name", .doc = "The guard's name, unique among the group's policies and guards.", .required = true}},
    kGuardKeys);

constexpr auto kMaintenance =
    joined(std::array{Key{.name = "name", .doc = "Its name, unique among the group's policies and guards.", .required = true}},
           joined(kWindowKeys, kMaintenanceOwnKeys));

constexpr auto kHelp = joined(
    std::array{
        Key{.name = "attempts",
            .type = KeyType::integer,
            .doc = "Scale-outs in a row that may fail to lower the value they were for.",
            .fallback = "2",
            .minimum = 1,
            .maximum = 100},
        Key{.name = "retry_after",
            .type = KeyType::duration,
            .doc = "How long after that one more is tried.",
            .fallback = "30m",
            .minimum = 60,
            .maximum = kDay},
    },
    kHelpKeys);

constexpr Key kCost[] = {
    {.name = "per_hour", .type = KeyType::number, .doc = "The price of one server for an hour.", .required = true, .minimum = 0},
    {.name = "currency", .doc = "Its currency (ISO 4217).", .fallback = "USD"},
    {.name = "billing_period",
     .type = KeyType::duration,
     .doc = "What is paid for as a whole, from the launch on: a server stays until shortly before its end. 0s: paid by the moment.",
     .fallback = "0s",
     .minimum = 0,
     .maximum = 31 * kDay},
    {.name = "monthly_hours",
     .type = KeyType::integer,
     .doc = "Hours of a calendar month after which a server costs nothing more in it (Vultr: 672). 0: no such cap.",
     .fallback = "0",
     .minimum = 0,
     .maximum = 744},
};

constexpr Key kBudget[] = {
    {.name = "soft", .type = KeyType::number, .doc = "weir says so when the month will cost more than this.", .minimum = 0},
    {.name = "hard",
     .type = KeyType::number,
     .doc = "What a calendar month may cost. It caps the size; what min costs to the end of the month is set aside first.",
     .minimum = 0},
};

constexpr Key with_default(Key key, std::string_view fallback) {
  key.fallback = fallback;
  return key;
}

constexpr Key kScaleOut[] = {with_default(kCooldown, "60s"), with_default(kStabilizationWindow, "0s"), kLimits, kSelect};
constexpr Key kScaleIn[] = {with_default(kCooldown, "300s"), with_default(kStabilizationWindow, "300s"), kLimits, kSelect};

constexpr Key kOverflow[] = {
    {.name = "provider", .doc = "Another key of `providers`.", .required = true},
    {.name = "server", .type = KeyType::section, .doc = "What a server is there: the keys of that provider's type."},
};

constexpr Key kGroup[] = {
    {.name = "name", .doc = "The group's unique name: lower-case letters, digits, '-' and '_', at most 63.", .required = true},
    {.name = "provider", .doc = "A key of `providers`.", .required = true},
    {.name = "version", .type = KeyType::version, .doc = "What the group runs at first; afterwards deploys decide."},
    {.name = "server", .type = KeyType::section, .doc = "What a server is: the keys of the provider's type."},
    {.name = "overflow",
     .type = KeyType::section,
     .doc = "Where servers are made when the provider is out of capacity; they are the first to go when the load falls.",
     .keys = kOverflow},
    {.name = "min",
     .type = KeyType::integer,
     .doc = "Fewest servers in service. Required unless the provider's servers are fixed.",
     .minimum = 0,
     .maximum = kMostServers},
    {.name = "max",
     .type = KeyType::integer,
     .doc = "Most servers launched. Required unless the provider's servers are fixed.",
     .minimum = 0,
     .maximum = kMostServers},
    {.name = "interval",
     .type = KeyType::duration,
     .doc = "How often this group is evaluated, instead of controller.interval.",
     .minimum = 0.1,
     .maximum = kDay},
    {.name = "warm_up",
     .type = KeyType::duration,
     .doc = "After a server's admission, how long until its effect on the metrics is believed.",
     .fallback = "60s",
     .minimum = 0,
     .maximum = kDay},
    {.name = "health",
     .type = KeyType::section,
     .doc = "How a server proves that it can serve.",
     .fallback = "{}",
     .keys = kHealth},
    {.name = "drain", .type = KeyType::section, .doc = "How a server is relieved.", .fallback = "{}", .keys = kDrain},
    {.name = "balancers", .type = KeyType::sections, .doc = "Who must know the group's servers."},
    {.name = "policies", .type = KeyType::sections, .doc = "How many servers there should be."},
    {.name = "guards",
     .type = KeyType::sections,
     .doc = "What must hold before anything scales out: more servers would make it worse.",
     .keys = kGuard},
    {.name = "maintenance",
     .type = KeyType::sections,
     .doc = "Times in which nothing is scaled; what fails is still replaced.",
     .keys = kMaintenance},
    {.name = "did_it_help",
     .type = KeyType::section,
     .doc = "Stops adding servers that do not lower the value they are for; its query says how large the load is.",
     .keys = kHelp},
    {.name = "cost", .type = KeyType::section, .doc = "What a server costs.", .keys = kCost},
    {.name = "budget", .type = KeyType::section, .doc = "What the group may cost in a calendar month (UTC).", .keys = kBudget},
    {.name = "scale_out", .type = KeyType::section, .doc = "What holds growing back.", .fallback = "{}", .keys = kScaleOut},
    {.name = "scale_in", .type = KeyType::section, .doc = "What holds shrinking back.", .fallback = "{}", .keys = kScaleIn},
    {.name = "deploy",
     .type = KeyType::section,
     .doc = "How another version takes the place of the one that runs (docs/deploy.md).",
     .fallback = "{}",
     .keys = kDeployKeys},
    {.name = "orphans",
     .type = KeyType::choice,
     .doc = "What to do with servers that carry the group's tag but that weir does not remember.",
     .fallback = "adopt",
     .choices = kOrphanRules},
};

const std::array<Key, 5>& root() {
  static const std::array<Key, 5> keys = {{
      {.name = "controller", .type = KeyType::section, .doc = "weir itself.", .fallback = "{}", .keys = kController},
      {.name = "prometheus",
       .type = KeyType::section,
       .doc = "Where metrics come from; needed as soon as a policy has a query.",
       .keys = kPrometheus},
      {.name = "providers",
       .type = KeyType::section,
       .doc = "Where servers come from: a name of your choice for each.",
       .required = true},
      {.name = "groups", .type = KeyType::sections, .doc = "The fleets.", .required = true},
      {.name = "notifications",
       .type = KeyType::section,
       .doc = "Who is told of what happens (docs/notifications.md).",
       .keys = notification_keys()},
  }};
  return keys;
}

constexpr Key kPolicy[] = {
    {.name = "name", .doc = "The policy's name, unique in its group, for people and metrics.", .required = true},
};

constexpr Key kBalancer[] = {
    {.name = "preview",
     .type = KeyType::boolean,
     .doc =
         "true: it gets test traffic only. During a deploy it has the healthy servers of the new version, also before they serve; "
         "otherwise those that serve.",
     .fallback = "false"},
};

}  // namespace

std::span<const Key> root_keys() { return root(); }
std::span<const Key> group_keys() { return kGroup; }
std::span<const Key> policy_keys() { return kPolicy; }
std::span<const Key> balancer_keys() { return kBalancer; }

}  // namespace weir
