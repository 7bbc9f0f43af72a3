#include "receivers/email/email.h"

#include <fmt/format.h>

#include <array>
#include <random>

#include "platform/mail.h"
#include "receivers/email/mail_text.h"

namespace weir {
namespace {

constexpr std::array<std::string_view, 3> kTls = {"starttls", "tls", "none"};

constexpr Key kKeys[] = {
    {.name = "host", .doc = "The SMTP server.", .required = true},
    {.name = "port",
     .type = KeyType::integer,
     .doc = "Its port; usually 587 with starttls and 465 with tls.",
     .fallback = "587",
     .minimum = 1,
     .maximum = 65535},
    {.name = "tls",
     .type = KeyType::choice,
     .doc = "starttls: in the clear until TLS is agreed on, and no mail without it; tls: from the first byte; none.",
     .fallback = "starttls",
     .choices = kTls},
    {.name = "username", .doc = "For authentication."},
    {.name = "password", .type = KeyType::secret, .doc = "With the username."},
    {.name = "from", .doc = "Whom the mails are from: weir@example.com, or weir <weir@example.com>.", .required = true},
    {.name = "to", .type = KeyType::texts, .doc = "Whom they are for.", .required = true},
    {.name = "ca_file", .doc = "PEM file of the authority that signed the server's certificate, if the system does not know it."},
};

std::string fresh_id() {
  std::random_device random;
  return fmt::format("weir.{:08x}{:08x}{:08x}", random(), random(), random());
}

class Email final : public Receiver {
 public:
  explicit Email(const ReceiverSpec& spec) : name_(spec.name) {
    const Settings& settings = spec.settings;
    server_ = {.host = settings.text("host"),
               .port = settings.integer("port"),
               .tls = MailServer::Tls::starttls,
               .username = settings.text("username"),
               .password = settings.text("password"),
               .ca_file = settings.text("ca_file"),
               .timeout = settings.duration("timeout")};
    if (settings.text("tls") == "tls") server_.tls = MailServer::Tls::tls;
    if (settings.text("tls") == "none") server_.tls = MailServer::Tls::none;
    addresses_ = {.from = settings.text("from"), .to = settings.texts("to")};
  }

  Attempt send(const Message& message, const std::stop_token& stop) override {
    Mail mail{.from = fmt::format("<{}>", bare_address(addresses_.from)), .to = {}, .text = {}};
    for (const std::string& to : addresses_.to) mail.to.push_back(fmt::format("<{}>", bare_address(to)));
    mail.text = mail_text(message, addresses_, fresh_id());
    const auto sent = send_mail(server_, mail, stop);
    if (sent) return {{}};
    return {failure(sent.error().kind, fmt::format("email {}: {}", name_, sent.error().message))};
  }

 private:
  const std::string name_;
  MailServer server_;
  MailAddresses addresses_;
};

std::vector<SettingsError> check(const Settings& settings) {
  std::vector<SettingsError> wrong;
  const auto complain = [&](std::string key, std::string message) {
    const SourceMark mark = settings.mark(key);
    wrong.push_back({std::move(key), std::move(message), mark});
  };
  if (settings.text("host").find_first_of("/@ \t") != std::string::npos)
    complain("host", "expected the name or address of a machine; its port is a key of its own");
  if (settings.has("from") && bare_address(settings.text("from")).empty())
    complain("from", "expected an address: weir@example.com, or weir <weir@example.com>");
  for (const std::string& to : settings.texts("to")) {
    if (bare_address(to).empty()) complain("to", fmt::format("'{}' is no address: expected ops@example.com", to));
  }
  if (settings.has("to") && settings.texts("to").empty()) complain("to", "expected at least one address");
  if (settings.has("username") != settings.has("password"))
    complain(settings.has("username") ? "username" : "password", "expected username and password together");
  if (settings.has("password") && settings.text("tls") == "none")
    complain("tls", "expected starttls or tls: without it the password crosses the network in the clear");
  return wrong;
}

std::unique_ptr<Receiver> make(const ReceiverSpec& spec, Network& /*network*/) { return std::make_unique<Email>(spec); }

}  // namespace

ReceiverType email_receiver() {
  return {.name = "email", .doc = "Mail, handed to an SMTP server.", .keys = kKeys, .check = check, .make = make};
}

}  // namespace weir
