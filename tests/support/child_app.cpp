// Plays the app server: does what its arguments say, in their order, then waits to be killed.
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

namespace {

void listen_on(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(socket, 16) != 0) std::_Exit(70);
}

/// Ready, and what we found ourselves to be: written in one step.
void report(const std::string& path, int argc, char** argv) {
  const std::string temporary = path + ".tmp";
  std::string files;
  for (int file = 0; file < 1024; ++file) {
    if (::fcntl(file, F_GETFD) != -1) files += "file " + std::to_string(file) + "\n";
  }
  sigset_t blocked;
  (void)::sigprocmask(SIG_BLOCK, nullptr, &blocked);
  std::ofstream out(temporary);
  out << files << "pid " << ::getpid() << "\nsession " << ::getsid(0) << "\ncwd " << std::filesystem::current_path().string()
      << '\n';
  for (int i = 1; i < argc; ++i) out << "argument " << argv[i] << '\n';
  for (char** variable = environ; *variable != nullptr; ++variable) out << "env " << *variable << '\n';
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    struct sigaction action{};
    if (::sigismember(&blocked, signal) == 1) out << "blocked " << signal << '\n';
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) out << "ignored " << signal << '\n';
  }
  out.close();
  std::filesystem::rename(temporary, path);
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value = [&] { return std::string(++i < argc ? argv[i] : ""); };
    if (word == "--port") listen_on(std::atoi(value().c_str()));
    if (word == "--say") std::cout << value() << std::endl;
    if (word == "--complain") std::cerr << value() << std::endl;
    if (word == "--ignore-term") (void)::signal(SIGTERM, SIG_IGN);
    if (word == "--grandchild" && ::fork() == 0) wait_for_ever();
    if (word == "--report") report(value(), argc, argv);
    if (word == "--exit") return std::atoi(value().c_str());
    if (word == "--end-first-thread") {
      std::thread(wait_for_ever).detach();
      ::pthread_exit(nullptr);
    }
  }
  wait_for_ever();
}
