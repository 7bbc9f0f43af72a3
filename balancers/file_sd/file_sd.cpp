#include "balancers/file_sd/file_sd.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "balancers/unified_diff.h"
#include "platform/file.h"

namespace weir {
namespace {

constexpr Key kKeys[] = {
    {.name = "file", .doc = "Absolute path of the file; .json, .yml or .yaml.", .required = true},
    {.name = "labels", .type = KeyType::text_map, .doc = "Labels every target gets besides weir_group and weir_server."},
};

bool is_label(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::vector<SettingsError> check(const BalancerRequest& request) {
  const Settings& settings = request.spec.settings;
  const std::string& file = settings.text("file");
  std::vector<SettingsError> errors;
  const auto complain = [&](std::string path, std::string_view key, std::string message) {
    errors.push_back({std::move(path), std::move(message), settings.mark(key)});
  };
  if (!file.starts_with('/')) complain("file", "file", "expected an absolute path");
  constexpr std::array<std::string_view, 3> kEndings = {".json", ".yml", ".yaml"};
  if (std::ranges::none_of(kEndings, [&](std::string_view ending) { return file.ends_with(ending); })) {
    complain("file", "file", "Prometheus reads only files that end in .json, .yml or .yaml");
  }
  for (const auto& [name, value] : settings.text_map("labels")) {
    if (!is_label(name))
      complain("labels." + name, "labels", "not a Prometheus label name: letters, digits and '_', not beginning with a digit");
    if (name == "weir_group" || name == "weir_server") complain("labels." + name, "labels", "weir sets this label itself");
  }
  return errors;
}

using nlohmann::json;

/// A weight is nobody's business but ours: Prometheus drops labels that begin with two underscores.
constexpr const char* kWeight = "__meta_weir_weight";

Peer peer_of(const json& entry) {
  const json& labels = entry.at("labels");
  const json& targets = entry.at("targets");
  return {.server = labels.at("weir_server").get<std::string>(),
          .address = targets.at(0).get<std::string>(),
          .weight = std::stoi(labels.value(kWeight, "1"))};
}

/// The peers of a file weir wrote for this group; absent if it is by another hand.
std::optional<std::vector<Peer>> parse(const std::string& text, const std::string& group) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return std::vector<Peer>{};
  try {
    std::vector<Peer> peers;
    for (const json& entry : json::parse(text)) {
      if (entry.at("labels").at("weir_group") != group) return std::nullopt;
      peers.push_back(peer_of(entry));
    }
    return peers;
  } catch (const std::exception&) {  // not JSON, not such a list, or a weight that is no number
    return std::nullopt;
  }
}

/// One entry for each server, so that each has its own labels. JSON is YAML too.
std::string render(std::span<const Peer> peers, const std::string& group, const Settings::TextMap& more_labels) {
  json entries = json::array();
  for (const Peer& peer : peers) {
    json labels(more_labels);
    labels["weir_group"] = group;
    labels["weir_server"] = peer.server;
    if (peer.weight != 1) labels[kWeight] = std::to_string(peer.weight);
    entries.push_back({{"targets", {peer.address}}, {"labels", std::move(labels)}});
  }
  return entries.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

class FileSdBalancer : public Balancer {
 public:
  FileSdBalancer(std::string group, const Settings& settings)
      : group_(std::move(group)), file_(settings.text("file")), labels_(settings.text_map("labels")) {}

  [[nodiscard]] BalancerView read(std::span<const std::string> /*count*/, std::stop_token /*stop*/) override {
    BalancerView view;
    view.connections.emplace();  // it carries no traffic, so it stands in nobody's way
    const auto text = present();
    if (!text) {
      view.detail = text.error().message;
      return view;
    }
    const auto peers = *text ? parse(**text, group_) : std::vector<Peer>{};
    view.known = peers.has_value();
    if (!peers) {
      view.detail = refusal();
      return view;
    }
    view.peers = *peers;
    view.in_force = *text && render(*peers, group_, labels_) == **text;
    if (!view.in_force)
      view.detail = fmt::format("{}: {}", file_.string(), *text ? "not as weir would write it" : "does not exist yet");
    return view;
  }

  void write(std::vector<Peer> peers, Done done) override {
    const Result<void> result = [&]() -> Result<void> {
      const std::lock_guard lock(mutex_);
      const auto text = present();
      if (!text) return std::unexpected(text.error());
      const auto wanted_text = wanted(*text, peers);
      if (!wanted_text) return std::unexpected(wanted_text.error());
      return *text == *wanted_text ? Result<void>{} : replace_file(file_, *wanted_text);
    }();
    done(result);
  }

  [[nodiscard]] std::string diff(std::span<const Peer> peers) override {
    const auto text = present();
    if (!text) return {};
    const auto wanted_text = wanted(*text, peers);
    return wanted_text ? unified_diff(file_.string(), text->value_or(""), *wanted_text) : std::string();
  }

 private:
  [[nodiscard]] std::string refusal() const {
    return fmt::format("{} was not written by weir for group {}; it is left alone. Move it away", file_.string(), group_);
  }

  /// Absent if there is no file.
  [[nodiscard]] Result<std::optional<std::string>> present() const {
    auto text = read_file(file_);
    if (text) return std::optional(std::move(*text));
    if (text.error().kind == ErrorKind::not_found) return std::nullopt;
    return std::unexpected(text.error());
  }

  [[nodiscard]] Result<std::string> wanted(const std::optional<std::string>& text, std::span<const Peer> peers) const {
    const auto old = parse(text.value_or(""), group_);
    if (!old) return failure(ErrorKind::invalid, refusal());
    if (peers.empty() && !old->empty()) {
      return failure(ErrorKind::invalid, fmt::format("{}: refusing to take out every server; those in it stay", file_.string()));
    }
    return render(peers, group_, labels_);
  }

  const std::string group_;
  const std::filesystem::path file_;
  const Settings::TextMap labels_;
  std::mutex mutex_;  ///< for write(): two at once would share the temporary file
};

Result<std::unique_ptr<Balancer>> make(const BalancerRequest& request, BalancerShared& /*shared*/) {
  return std::make_unique<FileSdBalancer>(request.group.name, request.spec.settings);
}

}  // namespace

BalancerType file_sd_balancer() {
  return {.name = "file_sd",
          .doc = "A Prometheus file_sd file, so that Prometheus scrapes the servers that are in service.",
          .keys = kKeys,
          .carries_traffic = false,
          .check = check,
          .abilities = {.tested_against = "a real Prometheus"},
          .make = make};
}

}  // namespace weir
