#pragma once

#include <string>
#include <vector>

namespace weir {

/// What a token of the API allows.
enum class ApiRole {
  read,     ///< to ask
  operate,  ///< to ask and to order
};

/// A bearer token of the API.
struct ApiToken {
  std::string name;  ///< for the record
  ApiRole role = ApiRole::read;
  std::string secret;
  bool operator==(const ApiToken&) const = default;
};

/// Who may use the API.
struct ApiAccess {
  std::vector<ApiToken> tokens;
  bool reading_is_open = true;  ///< whoever reaches it may read
};

/// How often one peer may ask.
struct ApiRates {
  double requests_per_second = 200;
  int burst = 400;
  int wrong_tokens_per_minute = 10;
  bool operator==(const ApiRates&) const = default;
};

/// PEM files of the API's own TLS; without a certificate it speaks plain HTTP.
struct TlsFiles {
  std::string certificate;  ///< followed by intermediate certificates, if there are any
  std::string key;
  std::string client_ca;  ///< when not empty, clients must show a certificate that it signed
  [[nodiscard]] bool wanted() const { return !certificate.empty(); }
  bool operator==(const TlsFiles&) const = default;
};

}  // namespace weir
