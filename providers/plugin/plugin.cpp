#include "providers/plugin/plugin.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/dll/shared_library.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "model/text.h"
#include "platform/api_client.h"
#include "providers/plugin/include/weir/plugin.h"
#include "providers/protocol.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

/// So many calls of one provider may be late before no more are made: each holds a thread.
constexpr int kMostLate = 8;
constexpr std::size_t kLongestQuote = 300;

constexpr Key kProviderKeys[] = {
    {.name = "library", .doc = "The shared object: an absolute path.", .required = true},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "How long one request may take, and the greeting.",
     .fallback = "30s",
     .minimum = 0.1,
     .maximum = 3600},
    {.name = kRestKey, .type = KeyType::rest, .doc = "All other keys are the plug-in's own: it gets them with the greeting."},
};

constexpr Key kServerKeys[] = {
    {.name = kRestKey,
     .type = KeyType::rest,
     .doc = "All keys are the plug-in's own: it gets them with every request about the group."},
};

std::vector<SettingsError> check(const Settings& provider, const Group& /*group*/) {
  const std::string& library = provider.text("library");
  if (std::filesystem::path(library).is_absolute()) return {};
  return {{.path = "provider",
           .message = fmt::format("expected the absolute path of its 'library', found '{}'", library),
           .mark = provider.mark("library")}};
}

/// The library's table of functions. Libraries stay loaded: threads of theirs may still run, and code under way may still be
/// called.
Result<const weir_plugin*> load(const std::string& library) {
  static std::mutex mutex;
  static auto& loaded = *new std::map<std::string, boost::dll::shared_library>;
  const auto unusable = [&](const std::string& why) { return failure(ErrorKind::invalid, fmt::format("{}: {}", library, why)); };
  const std::lock_guard lock(mutex);
  auto found = loaded.find(library);
  if (found == loaded.end()) {
    std::error_code error;
    boost::dll::shared_library object(library, error, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    if (error) {
      return unusable(fmt::format("cannot be loaded: {}", quoted_line(error.message(), kLongestQuote)));
    }
    found = loaded.emplace(library, std::move(object)).first;
  }
  if (!found->second.has(WEIR_PLUGIN_ENTRY)) return unusable("is no plug-in of weir's: it has no function " WEIR_PLUGIN_ENTRY);
  const weir_plugin* plugin = found->second.get<const weir_plugin*()>(WEIR_PLUGIN_ENTRY)();
  if (plugin == nullptr) return unusable(WEIR_PLUGIN_ENTRY " returned nothing");
  if (plugin->abi != WEIR_PLUGIN_ABI) {
    return unusable(
        fmt::format("was built for version {} of the plug-in interface, this weir has version {}; build it again with this "
                    "weir's weir/plugin.h",
                    plugin->abi, WEIR_PLUGIN_ABI));
  }
  const bool whole = plugin->name != nullptr && plugin->open != nullptr && plugin->ask != nullptr && plugin->close != nullptr;
  if (!whole) return unusable("its table lacks a name or a function");
  return plugin;
}

/// One call into the plug-in, shared by the thread that makes it and the one that waits. The latter may leave first.
class Call {
 public:
  /// For the plug-in; this must outlive its use.
  [[nodiscard]] weir_plugin_call handle() {
    return {.context = this,
            .answer = [](void* context, const char* json,
                         std::size_t length) { static_cast<Call*>(context)->answer({json, json == nullptr ? 0 : length}); },
            .given_up = [](void* context) { return static_cast<Call*>(context)->given_up() ? 1 : 0; }};
  }

  /// The plug-in's function has returned.
  void returned(const std::string& without_answer) {
    const std::lock_guard lock(mutex_);
    if (!answer_) answer_ = failure(ErrorKind::unavailable, without_answer);
    returned_ = true;
    changed_.notify_all();
  }

  /// The answer, once the function has returned. Errors: unavailable, cancelled.
  [[nodiscard]] Result<std::string> wait(Duration timeout, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, timeout, [&] { return returned_; });
    if (returned_) return *answer_;
    given_up_ = true;
    if (stop.stop_requested()) return failure(ErrorKind::cancelled, "cancelled");
    return failure(ErrorKind::unavailable, fmt::format("no answer within {}", format_duration(timeout)));
  }

 private:
  void answer(std::string_view json) {
    const std::lock_guard lock(mutex_);
    if (!answer_) answer_ = std::string(json);
  }
  [[nodiscard]] bool given_up() {
    const std::lock_guard lock(mutex_);
    return given_up_;
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Result<std::string>> answer_;
  bool returned_ = false;
  bool given_up_ = false;
};

/// A provider in a plug-in, and the calls into it. Each call has a thread of its own, so that one that does not come back holds up
/// nobody. The last to leave, the owner or a late call, closes the provider.
class Opened : public std::enable_shared_from_this<Opened> {
 public:
  Opened(const weir_plugin* plugin, Duration timeout) : plugin_(plugin), timeout_(timeout) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (provider_ != nullptr) plugin_->close(provider_);
  }

  Result<void> open(const std::string& hello) {
    const Result<Json> answer =
        made([hello](Opened& self,
                     const weir_plugin_call& call) { self.provider_ = self.plugin_->open(hello.data(), hello.size(), &call); },
             {});
    if (!answer) return std::unexpected(answer.error());
    if (const auto refused = protocol::terminated_from(*answer); !refused) return refused;
    const auto version = answer->find("protocol");
    if (version == answer->end() || *version != protocol::kVersion) {
      return failure(ErrorKind::invalid, fmt::format("it does not speak version {} of the protocol", protocol::kVersion));
    }
    if (provider_ == nullptr) return failure(ErrorKind::unavailable, "it opened nothing and gave no reason");
    return {};
  }

  /// Errors: unavailable (no answer; whether something was done is unknown), cancelled.
  Result<Json> ask(const std::string& request, const std::stop_token& stop) {
    return made(
        [request](Opened& self, const weir_plugin_call& call) {
          self.plugin_->ask(self.provider_, request.data(), request.size(), &call);
        },
        stop);
  }

 private:
  template <typename Function>
  Result<Json> made(Function function, const std::stop_token& stop) {
    if (late_.load() >= kMostLate) {
      return failure(ErrorKind::unavailable,
                     fmt::format("{} calls have not come back; no more are made until one does", kMostLate));
    }
    const auto call = std::make_shared<Call>();
    ++late_;
    std::thread([self = shared_from_this(), call, function = std::move(function)]() mutable {
      std::string without_answer = "it gave no answer";
      try {
        function(*self, call->handle());
      } catch (const std::exception& error) {
        without_answer = fmt::format("it threw: {}", quoted_line(error.what(), kLongestQuote));
      } catch (...) {
        without_answer = "it threw something";
      }
      --self->late_;
      self.reset();  // before the answer, so that nothing of it is left to do once the owner has gone on
      call->returned(without_answer);
    }).detach();
    const Result<std::string> text = call->wait(timeout_, stop);
    if (!text) return std::unexpected(text.error());
    Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object()) {
      return failure(ErrorKind::unavailable, fmt::format("its answer is no JSON object: {}", quoted_line(*text, kLongestQuote)));
    }
    return json;
  }

  const weir_plugin* const plugin_;
  const Duration timeout_;
  void* provider_ = nullptr;
  std::atomic<int> late_{0};
};

/// The members of an object, as its text.
std::string object_of(const std::string& members) { return "{" + members + "}"; }

class PluginProvider final : public Provider {
 public:
  PluginProvider(std::shared_ptr<Opened> opened, const ProviderContext& context, std::string library)
      : name_(context.name), library_(std::move(library)), network_(context.network), opened_(std::move(opened)) {}

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override {
    return ask<std::vector<Server>>("list", protocol::list_members(groups), stop, protocol::servers_from);
  }

  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override {
    return ask<Server>("launch", protocol::launch_members(request), stop,
                       [&](const Json& answer) { return protocol::launched_from(answer, request); });
  }

  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override {
    return ask<void>("terminate", protocol::terminate_members(group, server), stop, protocol::terminated_from);
  }

 private:
  template <typename T, typename Read>
  Result<T> ask(const char* verb, const std::string& members, const std::stop_token& stop, const Read& read) {
    const auto begin = Clock::now();
    const Result<Json> answer = opened_->ask(object_of(members), stop);
    Result<T> result = answer ? read(*answer) : Result<T>(std::unexpected(answer.error()));
    if (!result) result.error().message = fmt::format("{}: {}: {}", name_, verb, result.error().message);
    if (network_ == nullptr || !network_->told) return result;
    network_->told({.api = name_,
                    .operation = verb,
                    .method = "plugin",
                    .url = library_,
                    .outcome = !answer ? "no_answer" : (result ? "ok" : "refused"),
                    .detail = result ? "" : result.error().message,
                    .elapsed = std::chrono::floor<Duration>(Clock::now() - begin)});
    return result;
  }

  const std::string name_;
  const std::string library_;
  Network* const network_;
  const std::shared_ptr<Opened> opened_;
};

// NOLINTNEXTLINE(performance-unnecessary-value-param): the catalog's signature
Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  std::error_code error;
  std::filesystem::create_directories(context.state_directory, error);
  if (error) {
    return failure(ErrorKind::unavailable, fmt::format("cannot create {}: {}", context.state_directory.string(), error.message()));
  }
  return make_plugin_provider(provider, context);
}

}  // namespace

Result<std::unique_ptr<Provider>> make_plugin_provider(const Settings& provider, const ProviderContext& context) {
  const std::string& library = provider.text("library");
  const Result<const weir_plugin*> plugin = load(library);
  if (!plugin) return std::unexpected(plugin.error());
  const auto opened = std::make_shared<Opened>(*plugin, provider.duration("timeout"));
  if (const auto open = opened->open(object_of(protocol::hello_members(context, provider))); !open) {
    return failure(open.error().kind,
                   fmt::format("{}: {}: {}", library, quoted_line((*plugin)->name, kLongestQuote), open.error().message));
  }
  return std::make_unique<PluginProvider>(opened, context, library);
}

ProviderType plugin_provider_type() {
  return {.name = "plugin",
          .doc = "A shared object of your own makes the servers.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .check = check,
          .abilities = {.reports_paid_until = true, .tested_against = "a plug-in built outside the tree"},
          .make = make};
}

}  // namespace weir
