#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/fuzz/answering.h"

namespace {

/// A kubeconfig on disk, for the provider reads one; removed at the end.
class Kubeconfig {
 public:
  Kubeconfig() {
    const int file = ::mkstemp(path_.data());
    weir::check(file >= 0);
    (void)::close(file);
    std::ofstream(path_)
        << "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
           "clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: s3cr3t-k3y}}]\n";
  }
  ~Kubeconfig() { (void)::unlink(path_.c_str()); }
  Kubeconfig(const Kubeconfig&) = delete;
  Kubeconfig& operator=(const Kubeconfig&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/weir_kubeconfig_XXXXXX";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Kubeconfig kubeconfig;
  static const std::string configuration =
      "providers:\n  cluster: {type: kubernetes, kubeconfig: " + kubeconfig.path() +
      "}\n"
      "groups:\n  - {name: app, provider: cluster, min: 1, max: 5, server: {namespace: shop, deployment: app, port: 8080}}\n";
  weir::fuzz_provider(configuration, data, size);
  return 0;
}
