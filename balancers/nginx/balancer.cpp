#include "balancers/nginx/balancer.h"

#include <fmt/format.h>

#include "balancers/nginx/processes.h"
#include "balancers/unified_diff.h"
#include "platform/sockets.h"

namespace weir {

NginxBalancer::NginxBalancer(NginxFile file, NginxReloader& reloader, const std::filesystem::path& access_log)
    : file_(std::move(file)), reloader_(reloader) {
  if (!access_log.empty()) access_log_.emplace(access_log);
}

NginxBalancer::~NginxBalancer() { reloader_.cancel(this); }

BalancerView NginxBalancer::read(std::span<const std::string> addresses, std::stop_token /*stop*/) {
  BalancerView view;
  read_file(view);
  count(addresses, view);
  count_lost(addresses, view);
  return view;
}

void NginxBalancer::read_file(BalancerView& view) const {
  const ManagedFile managed(file_.path);
  const bool pending_before = managed.pending();
  const auto text = managed.text();
  if (!text) {
    view.detail = text.error().message;
    return;
  }
  if (!*text) {
    view.known = true;
    view.detail = fmt::format("{} does not exist yet", file_.path.string());
    return;
  }
  if (view.detail = file_.refusal(**text); !view.detail.empty()) return;
  view.peers = parse_peers(file_.format, **text);
  if (view.peers.empty() && owner_of(**text, file_.format.group) == NginxOwner::stranger) {
    view.detail = fmt::format("{}: not written by weir, which recognizes no server in it; taken over as soon as there is one",
                              file_.path.string());
    return;
  }
  view.known = true;

  // A change may have begun and been taken back while we looked; then the text or the marker shows it.
  const bool pending = pending_before || managed.pending() || managed.text() != text;
  const auto rendered = render(file_.format, view.peers);
  const bool ours = rendered && *rendered == **text;
  view.in_force = ours && !pending;
  if (pending) view.detail = fmt::format("{}: not known to be loaded by nginx yet", file_.path.string());
  if (!ours) view.detail = fmt::format("{}: not as weir would write it", file_.path.string());
}

void NginxBalancer::count(std::span<const std::string> addresses, BalancerView& view) const {
  const std::string& pid_file = reloader_.control().pid_file;
  if (addresses.empty() || pid_file.empty()) return;
  const auto master = find_nginx_master(pid_file);
  const auto counted = master ? count_connections(nginx_processes(*master), addresses) : std::unexpected(master.error());
  if (counted) {
    view.connections = *counted;
    return;
  }
  view.detail += fmt::format("{}connections unknown: {}", view.detail.empty() ? "" : "; ", counted.error().message);
}

void NginxBalancer::count_lost(std::span<const std::string> leaving, BalancerView& view) {
  const std::lock_guard lock(access_log_mutex_);
  if (!access_log_) return;
  const auto lost = access_log_->lost(leaving, view.peers, AccessLog::Steady::now());
  if (lost) {
    view.lost_requests = *lost;
    return;
  }
  view.detail += fmt::format("{}lost requests unknown: {}", view.detail.empty() ? "" : "; ", lost.error().message);
}

void NginxBalancer::write(std::vector<Peer> peers, Done done) { reloader_.submit(this, file_, std::move(peers), std::move(done)); }

std::string NginxBalancer::diff(std::span<const Peer> peers) {
  const auto present = ManagedFile(file_.path).text();
  if (!present) return {};
  const auto wanted = file_.wanted(*present, peers);
  return wanted ? unified_diff(file_.path.string(), present->value_or(""), *wanted) : std::string();
}

}  // namespace weir
