#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/ports/ports.h"
#include "model/server.h"
#include "model/time.h"

namespace weir {

/// What a chart shows of a group's turns: columns of the same length, one entry a turn, null where a turn knew nothing of it.
class Series {
 public:
  explicit Series(std::string group) : group_(std::move(group)) {}

  /// The next turn. `price` is that of its servers.
  void add(const Record& record, const std::optional<Price>& price);
  /// {"group","currency","at":[…],"desired":[…], … ,"policies":[{"policy","type","value":[…],"forecast":[…],"desired":[…]}]}
  [[nodiscard]] std::string json() const;

 private:
  struct Turn {
    TimePoint at{};
    int desired = 0;
    int in_service = 0;
    int servers = 0;  ///< all that the provider has
    int min = 0;
    int max = 0;
    std::optional<double> per_hour;
  };
  struct Policy {
    std::string name;
    std::string type;
    std::vector<std::optional<double>> values;
    std::vector<std::optional<double>> forecasts;
    std::vector<std::optional<int>> desired;
  };
  [[nodiscard]] Policy& policy(const std::string& name);

  std::string group_;
  std::string currency_;
  std::vector<Turn> turns_;
  std::vector<Policy> policies_;
};

}  // namespace weir
