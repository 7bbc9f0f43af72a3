#pragma once

#include <string>
#include <string_view>

#include "controller/import/entry.h"

namespace weir {

/// Turns the HorizontalPodAutoscalers of a Kubernetes manifest (YAML documents, `kind: List`, or JSON; autoscaling/v2, v2beta2 and
/// v1) into groups, one each. What a manifest leaves to Kubernetes' defaults is written out. Other objects are told as not carried
/// over; of the one that is scaled, the containers' requests are read, since a utilization is a share of them.
/// Errors: what no API server would take either, or no HorizontalPodAutoscaler at all. `file` is only for messages.
[[nodiscard]] ImportResult import_hpa(std::string_view text, const std::string& file);

}  // namespace weir
