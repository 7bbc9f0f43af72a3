#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Instants as Swarm gives them: two tasks of one update are microseconds apart.
using SwarmTime = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Where a task is on its way, or should be; in their order, which only goes forward.
enum class TaskState {
  created,  ///< `new` in the API
  allocated,
  pending,
  assigned,
  accepted,
  preparing,
  ready,
  starting,
  running,
  complete,
  shutdown,
  failed,
  rejected,
  remove,
  orphaned,
};

/// One attempt to run one replica of a service.
struct SwarmTask {
  struct Attachment {
    std::string network;  ///< its name
    std::string network_id;
    std::string address;  ///< without the prefix length
  };
  struct Port {
    int target = 0;
    int published = 0;
  };
  std::string id;
  std::string service;  ///< id
  int slot = 0;         ///< which replica; a task that replaces another has its slot
  std::string node;     ///< id; empty until it has one
  std::string image;
  TaskState state = TaskState::created;
  TaskState desired = TaskState::running;
  std::string trouble;                        ///< Status.Err
  std::map<std::string, std::string> labels;  ///< of its container
  SwarmTime created_at;
  SwarmTime updated_at;
  std::vector<Attachment> attachments;
  std::vector<Port> host_ports;  ///< published on its node alone
};

/// Swarm means it to run: it stands for a replica of the service.
[[nodiscard]] inline bool is_wanted(const SwarmTask& task) { return task.desired <= TaskState::running; }
/// It has not ended, as far as its node has said.
[[nodiscard]] inline bool has_not_ended(const SwarmTask& task) { return task.state <= TaskState::running; }

/// One machine of the swarm.
struct SwarmNode {
  std::string id;
  std::string name;
  std::string address;
  bool is_down = false;
};
using SwarmNodes = std::map<std::string, SwarmNode>;
/// Each under its id.
[[nodiscard]] SwarmNodes by_id(std::vector<SwarmNode> nodes);

/// One service, with its spec as it came.
struct SwarmService {
  std::string id;
  std::string name;
  std::uint64_t version = 0;  ///< compared for equality only
  std::string spec;           ///< JSON; goes back whole, with what we do not know in it
  std::map<std::string, std::string> labels;
  SwarmTime created_at;
  std::string image;
  std::string mode;  ///< `replicated`, `global` …
  int replicas = 0;  ///< of a replicated one
  struct Port {
    int target = 0;
    bool on_host = false;  ///< published on the node of the task, not through the ingress mesh
  };
  std::vector<Port> ports;
  std::string update_state;           ///< `updating`, `rollback_started` …; empty: no update since it was made or scaled
  bool rolls_back_by_itself = false;  ///< update_config.failure_action is rollback
};

/// Readers of the Engine's answers. Errors: unavailable if an answer is not what it should be.
[[nodiscard]] Result<std::vector<SwarmService>> read_services(const std::string& json);
[[nodiscard]] Result<SwarmService> read_service(const std::string& json);
[[nodiscard]] Result<std::vector<SwarmTask>> read_tasks(const std::string& json);
[[nodiscard]] Result<SwarmTask> read_task(const std::string& json);
[[nodiscard]] Result<std::vector<SwarmNode>> read_nodes(const std::string& json);
/// The `message` of an error answer; empty if it has none.
[[nodiscard]] std::string read_message(const std::string& json);

/// The spec with another count and these labels added; all else as it was.
[[nodiscard]] std::string changed_spec(const std::string& spec, int replicas, const std::map<std::string, std::string>& labels);

/// The tag of an image's name: `v2` of `registry:5000/shop/app:v2@sha256:…`; `latest` if it has none, the digest if it has only
/// that.
[[nodiscard]] std::string version_of_image(const std::string& image);

}  // namespace weir
