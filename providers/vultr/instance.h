#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/server.h"
#include "model/time.h"
#include "platform/http_client.h"

namespace weir {

/// The names of the tags by which weir finds its instances again. The value follows after '='.
namespace vultr_tag {
inline constexpr std::string_view kPrefix = "weir:";
inline constexpr std::string_view kOwner = "weir:owner=";
inline constexpr std::string_view kGroup = "weir:group=";
inline constexpr std::string_view kToken = "weir:token=";
inline constexpr std::string_view kVersion = "weir:version=";
inline constexpr std::string_view kPort = "weir:port=";
inline constexpr std::string_view kNetwork = "weir:network=";  ///< public or private: which address the servers are reached at
}  // namespace vultr_tag

/// What an answer says of one instance, as far as weir wants to know.
struct VultrInstance {
  std::string id;
  std::string plan;
  std::string region;
  std::string status;
  std::string power_status;
  std::string server_status;
  std::string main_ip;
  std::string internal_ip;
  TimePoint created_at;
  std::vector<std::string> tags;

  /// The value of the tag with this name; empty if there is none.
  [[nodiscard]] std::string tag(std::string_view name) const;
};

/// One page of a list, and where the next begins.
struct VultrPage {
  std::vector<VultrInstance> instances;
  std::size_t total = 0;  ///< of the whole list
  std::string next;       ///< cursor; empty after the last page
};

/// What a plan costs.
struct VultrPlan {
  std::string id;
  double per_hour = 0;                                           ///< in US dollars
  std::vector<std::pair<std::string, double>> per_hour_in = {};  ///< regions with another price
};

/// Readers of answers. What is not as documented is an error, never a guess. Errors: unavailable.
[[nodiscard]] Result<VultrPage> read_instance_page(const std::string& body);
[[nodiscard]] Result<VultrInstance> read_one_instance(const std::string& body);

/// One page of the plans, and the cursor of the next. Errors: unavailable.
[[nodiscard]] Result<std::pair<std::vector<VultrPlan>, std::string>> read_plan_page(const std::string& body);

/// The text of an error answer; empty if it has none (HTML, for example).
[[nodiscard]] std::string error_text(const HttpResponse& response);

/// Ways in which a create, a read or a delete can be refused that the status alone does not tell.
[[nodiscard]] bool says_no_capacity(std::string_view error);
[[nodiscard]] bool says_locked(std::string_view error);
[[nodiscard]] bool says_gone_or_going(int status, std::string_view error);

/// `2020-10-10T01:56:20+00:00`; nothing for anything else.
[[nodiscard]] std::optional<TimePoint> parse_vultr_time(const std::string& text);

}  // namespace weir
