#include "controller/api/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "platform/file.h"

namespace weir {
namespace {

template <auto Free>
struct Freeing {
  template <typename Thing>
  void operator()(Thing* thing) const {
    Free(thing);
  }
};
using Bytes = std::unique_ptr<BIO, Freeing<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freeing<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;

Bytes bytes_of(const std::string& pem) { return Bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

/// Nobody is there to ask for a passphrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return 0; }

std::vector<Certificate> certificates_in(const std::string& pem) {
  std::vector<Certificate> all;
  const Bytes bytes = bytes_of(pem);
  while (X509* one = PEM_read_bio_X509(bytes.get(), nullptr, no_passphrase, nullptr)) all.emplace_back(one);
  ERR_clear_error();
  return all;
}

std::unexpected<Error> useless(const std::string& file, const char* why) {
  return failure(ErrorKind::invalid, fmt::format("{}: {}", file, why));
}

Result<std::vector<Certificate>> read_certificates(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  std::vector<Certificate> all = certificates_in(*text);
  if (all.empty()) return useless(file, "expected certificates in PEM form, found none");
  return all;
}

Result<Key> read_key(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  Key key(PEM_read_bio_PrivateKey(bytes_of(*text).get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key) return useless(file, "expected a private key in PEM form without a passphrase, found none");
  return key;
}

std::string text_of(const GENERAL_NAME& name) {
  const bool address = name.type == GEN_IPADD;
  if (name.type != GEN_DNS && !address) return {};
  const ASN1_STRING* value = address ? name.d.iPAddress : name.d.dNSName;
  const unsigned char* data = ASN1_STRING_get0_data(value);
  const int size = ASN1_STRING_length(value);
  if (!address) return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text.data(), text.size()) != nullptr ? text.data() : std::string();
}

}  // namespace

struct TlsIdentity::Material {
  std::vector<Certificate> chain;  ///< its own first
  Key key;
  std::vector<Certificate> client_authorities;
};

Result<std::shared_ptr<const TlsIdentity::Material>> TlsIdentity::read(const TlsFiles& files) {
  auto material = std::make_shared<Material>();
  auto chain = read_certificates(files.certificate);
  if (!chain) return std::unexpected(chain.error());
  auto key = read_key(files.key);
  if (!key) return std::unexpected(key.error());
  material->chain = std::move(*chain);
  material->key = std::move(*key);
  const bool fits = X509_check_private_key(material->chain.front().get(), material->key.get()) == 1;
  ERR_clear_error();
  if (!fits) return useless(files.key, ("not the key of the certificate in " + files.certificate).c_str());
  if (files.client_ca.empty()) return material;
  auto authorities = read_certificates(files.client_ca);
  if (!authorities) return std::unexpected(authorities.error());
  material->client_authorities = std::move(*authorities);
  return material;
}

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::load(const TlsFiles& files) {
  auto identity = std::shared_ptr<TlsIdentity>(new TlsIdentity());
  if (auto read = identity->reload(files); !read) return std::unexpected(read.error());
  return identity;
}

Result<void> TlsIdentity::reload(const TlsFiles& files) {
  auto material = read(files);
  if (!material) {
    return failure(material.error().kind, "the API's TLS cannot be set up: " + material.error().message);
  }
  const std::lock_guard lock(mutex_);
  material_ = std::move(*material);
  return {};
}

bool TlsIdentity::use_in(ssl_ctx_st* context) const {
  std::shared_ptr<const Material> material;
  {
    const std::lock_guard lock(mutex_);
    material = material_;
  }
  bool good = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
  (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  good = good && SSL_CTX_use_certificate(context, material->chain.front().get()) == 1;
  for (std::size_t index = 1; index < material->chain.size(); ++index) {
    good = good && SSL_CTX_add1_chain_cert(context, material->chain[index].get()) == 1;
  }
  good = good && SSL_CTX_use_PrivateKey(context, material->key.get()) == 1;
  for (const Certificate& authority : material->client_authorities) {
    good = good && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) == 1;
    good = good && SSL_CTX_add_client_CA(context, authority.get()) == 1;
  }
  if (!material->client_authorities.empty()) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ERR_clear_error();
  return good;
}

std::string name_in_certificate(const std::string& pem) {
  const std::vector<Certificate> all = certificates_in(pem);
  if (all.empty()) return {};
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(all.front().get(), NID_subject_alt_name, nullptr, nullptr));
  std::string found;
  for (int index = 0; found.empty() && index < sk_GENERAL_NAME_num(names); ++index) {
    found = text_of(*sk_GENERAL_NAME_value(names, index));
  }
  GENERAL_NAMES_free(names);
  return found.starts_with("*.") ? "weir" + found.substr(1) : found;
}

}  // namespace weir
