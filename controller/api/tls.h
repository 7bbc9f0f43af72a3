#pragma once

#include <memory>
#include <mutex>

#include "controller/config/access.h"
#include "model/error.h"

struct ssl_ctx_st;

namespace weir {

/// What the API shows to its clients, and what it asks of them. Thread-safe.
class TlsIdentity {
 public:
  /// Errors: invalid (no certificate, a key that does not fit …), not_found, denied; each names the file.
  [[nodiscard]] static Result<std::shared_ptr<TlsIdentity>> load(const TlsFiles& files);
  /// Reads the files again, for connections from now on. On an error the old ones stay.
  [[nodiscard]] Result<void> reload(const TlsFiles& files);
  /// Prepares an OpenSSL context for one connection: TLS 1.2 at least. False: it cannot be used.
  [[nodiscard]] bool use_in(ssl_ctx_st* context) const;

 private:
  struct Material;
  TlsIdentity() = default;
  [[nodiscard]] static Result<std::shared_ptr<const Material>> read(const TlsFiles& files);

  mutable std::mutex mutex_;
  std::shared_ptr<const Material> material_;
};

/// A name or address that the certificate in this PEM text is for; empty if it says none.
[[nodiscard]] std::string name_in_certificate(const std::string& pem);

}  // namespace weir
