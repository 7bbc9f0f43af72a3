#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "platform/descriptor.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// What HAProxy's runtime API makes of commands, in the texts that HAProxy 2.6 was recorded with. One backend. Thread-safe.
class FakeHaproxy {
 public:
  struct Server {
    std::string name;
    std::string ip;
    std::string port;
    int weight = 1;
    int admin = 1;  ///< as srv_admin_state: 1 maintenance, 8 drain
    bool check = false;
    bool healthy = true;    ///< what a check finds
    bool checking = false;  ///< `enable health` came
    int used = 0;           ///< connections in use
    int running = 0;        ///< requests
    int waiting = 0;
    [[nodiscard]] bool up() const { return (admin & 1) == 0 && (healthy || !checking); }
  };
  /// Says something else than the fake would; absent: the fake answers.
  using Script = std::function<std::optional<std::string>(const std::string& command)>;

  explicit FakeHaproxy(std::string backend = "be_app") : backend_(std::move(backend)) { listen(); }
  ~FakeHaproxy() { close(); }
  FakeHaproxy(const FakeHaproxy&) = delete;
  FakeHaproxy& operator=(const FakeHaproxy&) = delete;

  [[nodiscard]] std::filesystem::path socket() const { return directory_.path() / "admin.sock"; }
  /// From now on.
  void script(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  /// Changes the servers behind everybody's back.
  void with(const std::function<void(std::vector<Server>&)>& change) {
    const std::lock_guard lock(mutex_);
    change(servers_);
  }
  /// What checks of servers added from now on find.
  void check_finds(bool healthy) {
    const std::lock_guard lock(mutex_);
    healthy_ = healthy;
  }
  [[nodiscard]] std::vector<Server> servers() const {
    const std::lock_guard lock(mutex_);
    return servers_;
  }
  /// Every command that changes something, in order.
  [[nodiscard]] std::vector<std::string> changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  /// Names of the servers that get new requests, in the order they were added.
  [[nodiscard]] std::vector<std::string> serving() const {
    std::vector<std::string> names;
    for (const Server& server : servers()) {
      if (server.admin == 0 && server.up()) names.push_back(server.name);
    }
    return names;
  }
  /// The fewest that ever served since the last call.
  [[nodiscard]] std::size_t fewest_serving() {
    const std::lock_guard lock(mutex_);
    return std::exchange(fewest_, count_serving());
  }
  /// As a process that is gone: nobody listens any more until listen().
  void close() {
    listening_ = false;
    if (thread_.joinable()) {
      const Descriptor caller = call();
      thread_.join();
    }
    listener_.reset();
    std::error_code ignored;
    std::filesystem::remove(socket(), ignored);
  }
  void listen() {
    listener_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un where = address();
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) std::abort();
    if (::listen(listener_.get(), 64) != 0) std::abort();
    listening_ = true;
    thread_ = std::thread([this] { serve(); });
  }

 private:
  [[nodiscard]] sockaddr_un address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().string().copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
  }

  /// A connection nobody says anything on.
  [[nodiscard]] Descriptor call() const {
    Descriptor caller(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un where = address();
    (void)::connect(caller.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where);
    (void)::shutdown(caller.get(), SHUT_WR);
    return caller;
  }

  void serve() {
    while (listening_) {
      const Descriptor caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string said;
      std::array<char, 4096> part{};
      for (ssize_t count = 0; (count = ::recv(caller.get(), part.data(), part.size(), 0)) > 0;)
        said.append(part.data(), static_cast<std::size_t>(count));
      std::string answer;
      std::istringstream commands(said.substr(0, said.find('\n')));
      for (std::string command; std::getline(commands, command, ';');)
        answer += answer_to(command.substr(command.find_first_not_of(' ')));
      (void)::send(caller.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  std::string answer_to(const std::string& command) {
    Script script;
    {
      const std::lock_guard lock(mutex_);
      script = script_;
      if (!command.starts_with("show ")) changes_.push_back(command);
    }
    if (script) {
      if (const auto scripted = script(command)) return *scripted;
    }
    const std::lock_guard lock(mutex_);
    std::istringstream words(command);
    std::vector<std::string> all;
    for (std::string word; words >> word;) {
      if (!word.starts_with("@!")) all.push_back(word);  // which worker of a master
    }
    std::string answer = act(all);
    fewest_ = std::min(fewest_, count_serving());
    return answer;
  }

  [[nodiscard]] std::size_t count_serving() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(servers_, [](const Server& server) { return server.admin == 0 && server.up(); }));
  }

  std::string act(const std::vector<std::string>& words) {
    const std::string verb = words[0] + " " + words[1];
    if (words[0] == "show") return show(words);
    const std::string& path = words[2];
    if (path.substr(0, path.find('/')) != backend_) return "No such backend.\n";
    const std::string name = path.substr(path.find('/') + 1);
    const auto server = std::ranges::find(servers_, name, &Server::name);
    if (verb == "add server") return add(name, words);
    if (server == servers_.end()) return words[0] == "del" ? "No such server.\n" : "No such server.\n\n";
    if (verb == "del server") return remove(server);
    if (verb == "enable health") {
      if (!server->check) return "Health check was not configured on this server, cannot enable.\n\n";
      server->checking = true;
      return "\n";
    }
    if (verb == "set server") return set(*server, words);
    return "Unknown command, but maybe one of the following ones is a better match:\n  show backend\n\n";
  }

  std::string add(const std::string& name, const std::vector<std::string>& words) {
    if (std::ranges::find(servers_, name, &Server::name) != servers_.end())
      return "Already exists a server with the same name in backend.\n\n";
    const std::size_t colon = words[3].rfind(':');
    Server server{.name = name, .ip = words[3].substr(0, colon), .port = words[3].substr(colon + 1), .healthy = healthy_};
    if (server.ip.starts_with('[')) server.ip = server.ip.substr(1, server.ip.size() - 2);
    for (std::size_t at = 4; at < words.size(); ++at) {
      if (words[at] == "weight") server.weight = std::stoi(words[at + 1]);
      if (words[at] == "check") server.check = true;
      if (words[at] == "foo") return "unknown keyword 'foo'; did you mean 'tfo' maybe ?\n\n";
    }
    servers_.push_back(server);
    return "New server registered.\n\n";
  }

  std::string remove(std::vector<Server>::iterator server) {
    if ((server->admin & 1) == 0) return "Only servers in maintenance mode can be deleted.\n";
    if (server->used + server->running + server->waiting > 0)
      return "Server still has connections attached to it, cannot remove it.\n";
    servers_.erase(server);
    return "Server deleted.\n";
  }

  static std::string set(Server& server, const std::vector<std::string>& words) {
    if (words[3] == "weight") {
      const int weight = std::stoi(words[4]);
      if (weight > 256) return "Absolute weight can only be between 0 and 256 inclusive.\n\n";
      server.weight = weight;
    } else if (words[4] == "ready") {
      server.admin = 0;
    } else {
      server.admin = words[4] == "maint" ? 1 : 8;
    }
    return "\n";
  }

  [[nodiscard]] std::string show(const std::vector<std::string>& words) const {
    if (words[1] == "servers" && words[3] != backend_) return "Can't find backend.\n\n";
    std::ostringstream text;
    if (words[1] == "stat") {
      text << "# pxname,svname,qcur,qmax,scur,smax,slim,stot\n";
      text << "fe,FRONTEND,,,0,0,200,0\n";
      for (const Server& each : servers_)
        text << backend_ << "," << each.name << "," << each.waiting << ",0," << each.running << ",7,,7\n";
      text << backend_ << ",BACKEND,0,0,0,0,20,0\n";
    } else if (words[2] == "conn") {
      text << "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur "
              "idle_per_thr[2]\n";
      for (const Server& each : servers_)
        text << backend_ << "/" << each.name << " 3/1 " << each.ip << " " << each.port << " - 5000 " << each.used
             << " 7 7 0 0 -1 0\n";
    } else {
      text << "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
              "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
              "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr "
              "srv_agent_port\n";
      for (const Server& each : servers_) {
        text << "3 " << backend_ << " 1 " << each.name << " " << each.ip << " " << (each.up() ? 2 : 0) << " " << each.admin << " "
             << each.weight << " 1 0 15 3 4 6 0 0 0 - " << each.port << " - 0 0 - - 0\n";
      }
    }
    return text.str() + "\n";
  }

  TempDirectory directory_;
  const std::string backend_;
  mutable std::mutex mutex_;
  std::vector<Server> servers_;
  std::vector<std::string> changes_;
  std::size_t fewest_ = 0;
  bool healthy_ = true;
  Script script_;
  Descriptor listener_;
  std::atomic<bool> listening_{false};
  std::thread thread_;
};

}  // namespace weir
