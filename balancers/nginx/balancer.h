#pragma once

#include <filesystem>
#include <mutex>
#include <optional>

#include "balancers/balancer.h"
#include "balancers/nginx/access_log.h"
#include "balancers/nginx/managed_file.h"
#include "balancers/nginx/reloader.h"

namespace weir {

/// One group's file and the nginx that includes it. Thread-safe. The reloader must outlive it.
class NginxBalancer : public Balancer {
 public:
  /// `access_log`: nginx's, to count lost requests; empty = none.
  NginxBalancer(NginxFile file, NginxReloader& reloader, const std::filesystem::path& access_log = {});
  ~NginxBalancer() override;
  NginxBalancer(const NginxBalancer&) = delete;
  NginxBalancer& operator=(const NginxBalancer&) = delete;

  [[nodiscard]] BalancerView read(std::span<const std::string> count, std::stop_token stop) override;
  void write(std::vector<Peer> peers, Done done) override;
  [[nodiscard]] std::string diff(std::span<const Peer> peers) override;

 private:
  /// Fills in the peers, and whether the file as it stands is proven to be loaded.
  void read_file(BalancerView& view) const;
  /// Fills in the open connections to these addresses.
  void count(std::span<const std::string> addresses, BalancerView& view) const;

  /// Fills in the requests lost since the last look, by these servers and those that left.
  void count_lost(std::span<const std::string> leaving, BalancerView& view);

  const NginxFile file_;
  NginxReloader& reloader_;
  std::mutex access_log_mutex_;
  std::optional<AccessLog> access_log_;
};

}  // namespace weir
