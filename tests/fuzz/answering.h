#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/api_client.h"
#include "tests/fakes/waiting_clock.h"

namespace weir {

/// Aborts unless it holds: what a fuzzer takes for a finding.
void check(bool holds);
/// The API and `--json` write messages as JSON, which aborts if they are not UTF-8; a log line is one line; a secret is in none.
void check_message(const std::string& message);

/// A secret that the configurations here hold, and that no message may.
inline constexpr std::string_view kFuzzSecret = "s3cr3t-k3y";

/// The outside of an adapter, made of bytes: each exchange is answered with the next of the answers in them, as is, in no time.
/// Answers are kept apart by the byte 0x1e. One begins with a letter that stands for a status, unless it is a recorded body as it
/// came ('{', '[', '<' …). After the last come the same again; an adapter that never has enough of them is told that nobody
/// answers.
class AnsweringNetwork {
 public:
  explicit AnsweringNetwork(std::string_view bytes);
  AnsweringNetwork(const AnsweringNetwork&) = delete;
  AnsweringNetwork& operator=(const AnsweringNetwork&) = delete;

  Network network;

 private:
  [[nodiscard]] Result<HttpResponse> answer();

  std::vector<std::string_view> answers_;
  std::size_t asked_ = 0;
  ImpatientClock clock_;
  TokenBuckets buckets_{clock_};
};

/// Lists, launches, lists and terminates by the only provider of that configuration and for its only group, against answers made of
/// the bytes, and checks what must hold of any provider whatever it is answered.
void fuzz_provider(std::string_view configuration, const std::uint8_t* data, std::size_t size);

}  // namespace weir
