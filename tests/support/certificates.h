#pragma once

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "platform/command.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// An authority of its own, made by `openssl`, and what it signed: a server called 127.0.0.1 and a client. PEM files, gone with the
/// object.
class Certificates {
 public:
  /// Empty if all went well, else what openssl said.
  [[nodiscard]] std::string make() {
    std::string authority =
        openssl({"req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2", "-subj",
                 "/CN=weir test authority", "-keyout", file("authority.key"), "-out", file("authority.pem")});
    if (!authority.empty()) return authority;
    const std::string server = sign("server", "subjectAltName=IP:127.0.0.1");
    return server.empty() ? sign("client", "extendedKeyUsage=clientAuth") : server;
  }

  /// authority.pem, server.pem, server.key, client.pem, client.key
  [[nodiscard]] std::string file(const std::string& name) const { return (directory_.path() / name).string(); }

 private:
  static std::string openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const auto result = run_command(arguments, std::chrono::seconds(30));
    if (!result) return result.error().message;
    return result->status == 0 ? std::string() : result->output;
  }

  [[nodiscard]] std::string sign(const std::string& name, const std::string& extension) const {
    return openssl({"req",
                    "-x509",
                    "-nodes",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=weir test " + name,
                    "-addext",
                    extension,
                    "-addext",
                    "basicConstraints=CA:FALSE",
                    "-CA",
                    file("authority.pem"),
                    "-CAkey",
                    file("authority.key"),
                    "-keyout",
                    file(name + ".key"),
                    "-out",
                    file(name + ".pem")});
  }

  TempDirectory directory_;
};

}  // namespace weir
