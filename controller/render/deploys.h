#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/render/json_writer.h"
#include "controller/render/report.h"
#include "model/rollout.h"
#include "model/server.h"
#include "model/time.h"

namespace weir {

/// How many servers run one version, by phase.
struct VersionCount {
  std::string version;
  int pending = 0;
  int warming = 0;
  int in_service = 0;
  int draining = 0;
  int terminating = 0;
  bool operator==(const VersionCount&) const = default;
};

/// Of every version that a server runs or the deploy is about; sorted by version.
[[nodiscard]] std::vector<VersionCount> count_versions(std::span<const Server> servers, const Rollout& rollout);

/// How it ended, or where it is, without counts: "v1 → v2", "going back from v2 to v1", "v2 done", "v2 went back to v1".
[[nodiscard]] std::string deploy_headline(const Rollout& rollout);

/// In one line: "rolling v1 → v2, 3 of 5 servers, soaking 12s, started by root 2m ago". `size`: servers there should be; absent:
/// as many as there are.
[[nodiscard]] std::string deploy_text(const Rollout& rollout, std::span<const Server> servers, std::optional<int> size,
                                      TimePoint now);

/// The fields of a deploy; those that say nothing are left out, but for the ones that everybody asks for.
void write_deploy(JsonWriter& out, const Rollout& rollout);

/// GET …/deploys/current and `weir deploy status --json`: the group's deploy and how many servers of each version are in which
/// phase. The group has one.
[[nodiscard]] std::string deploy_json(const GroupStatus& status);

/// `weir deploy status`: all there is to say of the group's deploy. The group has one.
[[nodiscard]] std::string deploy_status_text(const GroupStatus& status, TimePoint now);

}  // namespace weir
