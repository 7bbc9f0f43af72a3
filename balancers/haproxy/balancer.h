#pragma once

#include <filesystem>
#include <mutex>
#include <optional>

#include "balancers/balancer.h"
#include "balancers/haproxy/runtime.h"
#include "balancers/haproxy/text.h"
#include "balancers/peer_writer.h"

namespace weir {

/// Where one group's backend is, and how it is written.
struct HaproxyPlace {
  HaproxyRuntime runtime;
  HaproxyFormat format;
  std::filesystem::path file = {};     ///< the backend section, for HAProxy's next start or reload; empty: none is kept
  std::vector<std::string> test = {};  ///< checks a configuration, with `{file}` for where the new text lies; empty: none
  bool adopt = false;                  ///< take over a file by another hand
};

/// One backend of a HAProxy whose every server weir adds, drains and deletes at run time, and the file that says the same.
/// Thread-safe.
class HaproxyBalancer : public Balancer {
 public:
  explicit HaproxyBalancer(HaproxyPlace place);

  [[nodiscard]] BalancerView read(std::span<const std::string> count, std::stop_token stop) override;
  void write(std::vector<Peer> peers, Done done) override;
  [[nodiscard]] std::string diff(std::span<const Peer> peers) override;

 private:
  using Servers = std::vector<HaproxyServer>;
  /// Absent: no such file, or none is kept.
  using FileText = std::optional<std::string>;

  [[nodiscard]] Result<FileText> file_text() const;
  /// Why the file may not be written; empty if it may.
  [[nodiscard]] std::string refusal(const FileText& text) const;
  /// The backend's servers without those of the user's own lines.
  [[nodiscard]] Result<Servers> servers(const std::stop_token& stop) const;
  /// Fills in the open connections to these addresses, of workers that a reload replaced, too.
  void count(const Servers& servers, std::span<const std::string> addresses, const std::stop_token& stop, BalancerView& view) const;
  /// Who gets traffic, as weir names them.
  [[nodiscard]] std::vector<Peer> peers_of(const Servers& servers, const FileText& text) const;

  /// On the writer's thread from here on.
  [[nodiscard]] Result<void> make_so(std::span<const Peer> peers, const std::stop_token& stop);
  [[nodiscard]] Result<void> check_wish(std::span<const Peer> peers, const FileText& text, const Result<Servers>& servers) const;
  /// The new text passes the test and has room on the disk.
  [[nodiscard]] Result<void> try_out(const std::string& text, const std::stop_token& stop) const;
  [[nodiscard]] Result<void> put_in(std::span<const Peer> peers, const Servers& servers, const std::stop_token& stop) const;
  [[nodiscard]] Result<void> put_in(const Peer& peer, const Servers& servers, const std::stop_token& stop) const;
  [[nodiscard]] Result<void> take_out(std::span<const Peer> peers, const std::stop_token& stop) const;
  [[nodiscard]] std::optional<Duration> delete_idle(const std::stop_token& stop);
  [[nodiscard]] Result<void> delete_if_idle(const HaproxyServer& server, const std::stop_token& stop) const;
  [[nodiscard]] Result<void> set(const std::string& name, std::string_view what, const std::stop_token& stop) const;

  const HaproxyPlace place_;
  std::optional<std::vector<Peer>> wished_;  ///< by the last write; the writer's thread only
  mutable std::mutex mutex_;
  std::vector<Peer> known_;  ///< of the last write: what is behind names that do not say it
  PeerWriter writer_;        ///< last: it uses the rest
};

}  // namespace weir
