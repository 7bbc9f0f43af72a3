#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "platform/api_client.h"
#include "providers/vultr/instance.h"

namespace weir {

/// The part of Vultr's API v2 that weir uses. Thread-safe.
class VultrApi {
 public:
  VultrApi(std::string api_url, std::string api_key, Network& network);

  /// Every instance of the account. Errors: denied; unavailable unless the walk over all pages was whole and consistent.
  [[nodiscard]] Result<std::vector<VultrInstance>> instances(const std::stop_token& stop);
  /// Errors: not_found, denied, unavailable.
  [[nodiscard]] Result<VultrInstance> instance(const std::string& id, const std::stop_token& stop);
  /// Never repeated but after 429, which makes nothing. Errors: out_of_capacity, invalid and denied: nothing was made; unavailable
  /// and cancelled: nobody knows.
  [[nodiscard]] Result<VultrInstance> create(const std::string& body, const std::stop_token& stop);
  /// Success also if it is gone or going already. Errors: unavailable (locked, for one), denied, invalid.
  [[nodiscard]] Result<void> destroy(const std::string& id, const std::stop_token& stop);
  [[nodiscard]] Result<std::vector<VultrPlan>> plans(const std::stop_token& stop);

 private:
  /// What the pages of one list came to.
  struct Walk {
    std::vector<VultrInstance> instances;
    std::size_t total = 0;  ///< as the last page has it
    bool ended = false;     ///< the last page was reached
  };
  [[nodiscard]] ApiCall call(const std::string& operation, const std::string& method, const std::string& path) const;
  [[nodiscard]] Result<HttpResponse> get(const ApiCall& call, const std::stop_token& stop);
  [[nodiscard]] Result<Walk> walk(const std::stop_token& stop);

  const std::string api_url_;
  const std::string api_key_;
  ApiClient client_;
};

}  // namespace weir
