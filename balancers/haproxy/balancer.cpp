#include "balancers/haproxy/balancer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "balancers/unified_diff.h"
#include "model/text.h"
#include "platform/command.h"
#include "platform/file.h"

namespace weir {
namespace {

constexpr Duration kTestTimeout{60'000};
constexpr Duration kBetweenDeletions{500};  ///< while a server that left has something running
constexpr Duration kAfterTrouble{5000};
constexpr std::size_t kMaxQuote = 600;

/// A program's words on one line.
std::string quote(std::string_view output) {
  std::string text(output.substr(0, output.find_last_not_of(" \r\n") + 1));
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) text.replace(at, 1, "; ");
  return quoted_line(text, kMaxQuote);
}

bool is(const HaproxyServer& server, const Peer& peer) {
  return server.address == plain_address(peer.address) && is_haproxy_name_of(server.name, peer);
}

bool is_any(const HaproxyServer& server, std::span<const Peer> peers) {
  return std::ranges::any_of(peers, [&](const Peer& peer) { return is(server, peer); });
}

bool serves(const HaproxyServer& server) { return server.ready && server.up; }

void add_detail(BalancerView& view, const std::string& text) {
  view.detail += fmt::format("{}{}", view.detail.empty() ? "" : "; ", text);
}

std::vector<BalancerView::Connections> count_sessions(const std::vector<HaproxyServer>& servers,
                                                      const std::vector<HaproxyServer>& old,
                                                      std::span<const std::string> addresses) {
  std::vector<BalancerView::Connections> counts;
  for (const std::string& address : addresses) {
    int count = 0;
    const auto plain = plain_address(address);
    for (const auto* some : {&servers, &old}) {
      for (const HaproxyServer& server : *some) count += server.address == plain ? server.sessions : 0;
    }
    counts.push_back({address, count});
  }
  return counts;
}

}  // namespace

HaproxyBalancer::HaproxyBalancer(HaproxyPlace place)
    : place_(std::move(place)),
      writer_(
          fmt::format("HAProxy at {}", place_.runtime.socket().string()),
          [this](std::span<const Peer> peers, const std::stop_token& stop) { return make_so(peers, stop); },
          [this](const std::stop_token& stop) { return delete_idle(stop); }) {}

Result<HaproxyBalancer::FileText> HaproxyBalancer::file_text() const {
  if (place_.file.empty()) return std::nullopt;
  auto text = read_file(place_.file);
  if (text) return std::optional(std::move(*text));
  if (text.error().kind == ErrorKind::not_found) return std::nullopt;
  return std::unexpected(text.error());
}

std::string HaproxyBalancer::refusal(const FileText& text) const {
  const HaproxyOwner owner = haproxy_owner(text.value_or(""), place_.format.group);
  if (place_.adopt || owner == HaproxyOwner::nobody || owner == HaproxyOwner::this_group) return {};
  return fmt::format("{} {}; it is left alone. Move it away, or set adopt: true to let weir overwrite it", place_.file.string(),
                     owner == HaproxyOwner::other_group
                         ? fmt::format("is managed by weir for another group than {}", place_.format.group)
                         : "was not written by weir");
}

Result<HaproxyBalancer::Servers> HaproxyBalancer::servers(const std::stop_token& stop) const {
  auto servers = place_.runtime.servers(place_.format.backend, stop);
  if (!servers) return servers;
  const auto own = own_servers(place_.format);
  std::erase_if(*servers, [&](const HaproxyServer& server) { return std::ranges::find(own, server.name) != own.end(); });
  return servers;
}

std::vector<Peer> HaproxyBalancer::peers_of(const Servers& servers, const FileText& text) const {
  std::vector<Peer> known = parse_backend(text.value_or(""));
  {
    const std::lock_guard lock(mutex_);
    known.insert(known.end(), known_.begin(), known_.end());
  }
  std::vector<Peer> peers;
  for (const HaproxyServer& server : servers) {
    if (!server.ready) continue;
    const auto found = std::ranges::find_if(known, [&](const Peer& peer) { return is(server, peer); });
    const bool met = found != known.end();
    peers.push_back({.server = met ? found->server : id_of_haproxy_name(server.name, server.address),
                     .address = met ? found->address : server.address,
                     .weight = server.weight});
  }
  std::ranges::sort(peers, {}, &Peer::address);
  return peers;
}

BalancerView HaproxyBalancer::read(std::span<const std::string> addresses, std::stop_token stop) {
  BalancerView view;
  const auto text = file_text();
  if (!text) {
    view.detail = text.error().message;
    return view;
  }
  if (view.detail = refusal(*text); !view.detail.empty()) return view;
  const auto now = servers(stop);
  if (!now) {
    view.detail = now.error().message;
    return view;
  }
  view.known = true;
  view.peers = peers_of(*now, *text);
  count(*now, addresses, stop, view);
  const auto rendered = render_backend(place_.format, view.peers);
  view.in_force = place_.file.empty() || (*text && rendered && *rendered == **text);
  if (!view.in_force)
    add_detail(view, fmt::format("{}: {}", place_.file.string(), *text ? "does not say what HAProxy does" : "does not exist yet"));
  for (const HaproxyServer& server : *now) {
    if (server.ready && !server.up) add_detail(view, fmt::format("HAProxy's own check finds {} down", server.name));
  }
  return view;
}

void HaproxyBalancer::count(const Servers& servers, std::span<const std::string> addresses, const std::stop_token& stop,
                            BalancerView& view) const {
  const auto old = addresses.empty() ? Result<Servers>{} : place_.runtime.old_servers(place_.format.backend, stop);
  if (old) {
    view.connections = count_sessions(servers, *old, addresses);
  } else {
    add_detail(view, fmt::format("connections unknown: {}", old.error().message));
  }
}

void HaproxyBalancer::write(std::vector<Peer> peers, Done done) { writer_.submit(std::move(peers), std::move(done)); }

std::string HaproxyBalancer::diff(std::span<const Peer> peers) {
  const auto text = file_text();
  if (!text || !refusal(*text).empty()) return {};
  const auto now = servers({});
  const auto wanted = render_backend(place_.format, peers);
  if (!wanted || !check_wish(peers, *text, now)) return {};
  if (!place_.file.empty() && text->value_or("") != *wanted) return unified_diff(place_.file.string(), text->value_or(""), *wanted);
  if (!now) return {};
  const auto present = render_backend(place_.format, peers_of(*now, *text));
  const std::string name = fmt::format("{}: backend {}", place_.runtime.socket().string(), place_.format.backend);
  return unified_diff(name, present.value_or(""), *wanted);
}

Result<void> HaproxyBalancer::check_wish(std::span<const Peer> peers, const FileText& text, const Result<Servers>& servers) const {
  if (std::string refused = refusal(text); !refused.empty()) return failure(ErrorKind::invalid, std::move(refused));
  const bool anybody = std::ranges::any_of(peers, [](const Peer& peer) { return peer.weight > 0; });
  const bool in_file =
      haproxy_owner(text.value_or(""), place_.format.group) == HaproxyOwner::stranger || !parse_backend(text.value_or("")).empty();
  const bool serving = in_file || (servers && std::ranges::any_of(*servers, &HaproxyServer::ready));
  if (anybody || !serving) return {};
  return failure(ErrorKind::invalid, fmt::format("backend {} of HAProxy at {}: refusing to take out every server; those in it stay",
                                                 place_.format.backend, place_.runtime.socket().string()));
}

Result<void> HaproxyBalancer::make_so(std::span<const Peer> peers, const std::stop_token& stop) {
  const auto text = file_text();
  if (!text) return std::unexpected(text.error());
  const auto wanted = render_backend(place_.format, peers);
  if (!wanted) return std::unexpected(wanted.error());
  const auto now = servers(stop);
  if (auto good = check_wish(peers, *text, now); !good) return good;
  if (!now && now.error().kind == ErrorKind::cancelled) return std::unexpected(now.error());
  const bool rewrite = !place_.file.empty() && *text != *wanted;
  if (rewrite) {
    if (auto good = try_out(*wanted, stop); !good) return good;
  }
  // Who comes serves before the file says so, and the file says so before anybody leaves: whatever fails in between, no fewer serve
  // than before, HAProxy has accepted what the file says, and the next write goes on from there.
  if (now) {
    if (auto in = put_in(peers, *now, stop); !in) return in;
    wished_.emplace(peers.begin(), peers.end());
    const std::lock_guard lock(mutex_);
    known_ = *wished_;
  }
  if (rewrite) {
    if (auto written = replace_file(place_.file, *wanted); !written) return written;
  }
  if (now) return take_out(peers, stop);
  const std::string consequence =
      place_.file.empty() ? "nothing is written"
                          : fmt::format("{} is written and will be in force when it starts or reloads", place_.file.string());
  return failure(now.error().kind, fmt::format("{}; {}", now.error().message, consequence));
}

Result<void> HaproxyBalancer::try_out(const std::string& text, const std::stop_token& stop) const {
  // Not read by a HAProxy that is given the directory: its name begins with a dot.
  const auto staged = place_.file.parent_path() / fmt::format(".{}.weir-staged", place_.file.filename().string());
  auto tried = replace_file(staged, text);
  if (tried && !place_.test.empty()) {
    std::vector<std::string> command = place_.test;
    for (std::string& word : command) {
      if (const std::size_t at = word.find("{file}"); at != std::string::npos) word.replace(at, 6, staged.string());
    }
    const auto result = run_command(command, kTestTimeout, stop);
    if (!result) tried = std::unexpected(result.error());
    if (result && result->status != 0) {
      tried = failure(ErrorKind::invalid, fmt::format("{} is left as it was: {}: exit status {}: {}", place_.file.string(),
                                                      fmt::join(command, " "), result->status, quote(result->output)));
    }
  }
  (void)std::remove(staged.c_str());
  return tried;
}

Result<void> HaproxyBalancer::set(const std::string& name, std::string_view what, const std::stop_token& stop) const {
  return place_.runtime.change(fmt::format("set server {}/{} {}", place_.format.backend, name, what), stop);
}

Result<void> HaproxyBalancer::put_in(std::span<const Peer> peers, const Servers& servers, const std::stop_token& stop) const {
  std::size_t done = 0;
  for (const Peer& peer : peers) {
    if (auto in = put_in(peer, servers, stop); !in) {
      return failure(in.error().kind, fmt::format("{}; {} of {} servers were put in before, and none was taken out",
                                                  in.error().message, done, peers.size()));
    }
    ++done;
  }
  return {};
}

Result<void> HaproxyBalancer::put_in(const Peer& peer, const Servers& servers, const std::stop_token& stop) const {
  const auto here = std::ranges::find_if(servers, [&](const HaproxyServer& server) { return is(server, peer); });
  if (here != servers.end()) {
    if (here->weight != peer.weight) {
      if (auto weighed = set(here->name, fmt::format("weight {}", peer.weight), stop); !weighed) return weighed;
    }
    if (here->ready) return {};
  }
  const bool taken = std::ranges::find(servers, haproxy_name(peer), &HaproxyServer::name) != servers.end();
  const std::string name = here != servers.end() ? here->name : taken ? haproxy_marked_name(peer) : haproxy_name(peer);
  const std::string path = fmt::format("{}/{}", place_.format.backend, name);
  if (here == servers.end()) {
    const std::string words = server_words(place_.format, {peer.server, *plain_address(peer.address), peer.weight});
    if (auto added = place_.runtime.change(fmt::format("add server {} {}", path, words), stop); !added) return added;
  }
  // Without this a server with checks counts as up for ever, whether anything listens or not.
  if (place_.format.checks) {
    if (auto checked = place_.runtime.change("enable health " + path, stop); !checked) return checked;
  }
  return set(name, "state ready", stop);
}

Result<void> HaproxyBalancer::take_out(std::span<const Peer> peers, const std::stop_token& stop) const {
  const auto now = servers(stop);
  if (!now) return std::unexpected(now.error());
  const auto stays = [&](const HaproxyServer& server) { return is_any(server, peers); };
  const auto in = std::ranges::count_if(*now, [&](const HaproxyServer& server) { return stays(server) && server.ready; });
  if (static_cast<std::size_t>(in) < peers.size()) {
    return failure(ErrorKind::unavailable,
                   fmt::format("backend {} of HAProxy at {} has only {} of the {} servers it was given; nobody "
                               "is taken out before it has all",
                               place_.format.backend, place_.runtime.socket().string(), in, peers.size()));
  }
  const bool somebody_stays =
      std::ranges::any_of(*now, [&](const HaproxyServer& server) { return stays(server) && serves(server); });
  const bool somebody_leaves =
      std::ranges::any_of(*now, [&](const HaproxyServer& server) { return !stays(server) && serves(server); });
  if (somebody_leaves && !somebody_stays) {
    return failure(
        ErrorKind::unavailable,
        fmt::format("backend {} of HAProxy at {}: its checks find every server down that is to stay; those that leave stay too",
                    place_.format.backend, place_.runtime.socket().string()));
  }
  for (const HaproxyServer& server : *now) {
    if (stays(server) || !server.ready) continue;
    const auto drained = set(server.name, "state drain", stop);
    if (!drained && drained.error().kind != ErrorKind::not_found) return drained;
  }
  return {};
}

std::optional<Duration> HaproxyBalancer::delete_idle(const std::stop_token& stop) {
  if (!wished_) return std::nullopt;
  const auto now = servers(stop);
  if (!now) return kAfterTrouble;
  std::optional<Duration> again;
  for (const HaproxyServer& server : *now) {
    // One that is ready though nobody wants it was made so by another hand, or is still needed: the next write decides.
    if (server.ready || is_any(server, *wished_)) continue;
    if (!delete_if_idle(server, stop)) again = kBetweenDeletions;
  }
  return again;
}

Result<void> HaproxyBalancer::delete_if_idle(const HaproxyServer& server, const std::stop_token& stop) const {
  if (server.sessions > 0) return failure(ErrorKind::unavailable, "still has connections");
  if (auto rested = set(server.name, "state maint", stop); !rested && rested.error().kind != ErrorKind::not_found) return rested;
  auto deleted = place_.runtime.change(fmt::format("del server {}/{}", place_.format.backend, server.name), stop);
  if (!deleted && deleted.error().kind == ErrorKind::not_found) return {};
  return deleted;
}

}  // namespace weir
