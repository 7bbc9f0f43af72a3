#include "platform/aws/account.h"

#include <chrono>
#include <cstdlib>
#include <utility>

namespace weir {

AwsAccount read_aws_account(std::string name, const Settings& provider) {
  return {.name = std::move(name),
          .region = provider.text("region"),
          .endpoint = provider.text("endpoint"),
          .profile = provider.text("profile"),
          .access_key_id = provider.text("access_key_id"),
          .secret_access_key = provider.text("secret_access_key")};
}

AwsSurroundings AwsSurroundings::of_this_process() {
  return {.variable = [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            if (value == nullptr) return std::nullopt;
            return value;
          },
          .now = [] { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }};
}

}  // namespace weir
