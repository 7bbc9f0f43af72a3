#pragma once

#include <atomic>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/error.h"
#include "platform/api_client.h"
#include "platform/aws/account.h"
#include "platform/aws/credentials.h"
#include "platform/aws/xml.h"

namespace weir {

/// The services that speak AWS's query protocol (EC2 its own dialect of it).
enum class AwsService { autoscaling, ec2, load_balancing };

/// The parameters of a call, in the flat form they are sent in: {"AutoScalingGroupNames.member.1", "web"}.
using AwsParameters = std::vector<std::pair<std::string, std::string>>;

/// Adds a list: `NAME.member.1`, `NAME.member.2` … ; EC2's lists have no `member`: `NAME.1`.
void add_aws_list(AwsParameters& parameters, AwsService service, const std::string& name, const std::vector<std::string>& values);

/// One call of one service.
struct AwsCall {
  AwsService service = AwsService::autoscaling;
  std::string action;
  AwsParameters parameters;
  /// `never`: sent once, and not again even if it was throttled: what it was decided on may no longer hold.
  Repeat repeat = Repeat::never;
};

/// What an answer that is no success says. Both may be empty: proxies answer with pages of their own.
struct AwsRefusal {
  std::string code;
  std::string message;  ///< its first line, bounded: what follows may quote the signed headers, a session token among them
};
[[nodiscard]] AwsRefusal read_aws_refusal(const std::string& body);

/// Whether an answer means "later" (throttled, whatever its status), by its code first.
[[nodiscard]] ApiVerdict judge_aws(const HttpResponse& response);

/// What the caller can do about a refusal, by its code first.
[[nodiscard]] ErrorKind kind_of_aws_refusal(const AwsRefusal& refusal, int status);

/// Calls AWS in one region: signed with Signature Version 4, at a bounded rate, by a clock that follows AWS's own. Thread-safe;
/// must not outlive the Network.
class AwsClient {
 public:
  AwsClient(Network& network, AwsAccount account, AwsSurroundings surroundings = AwsSurroundings::of_this_process());

  /// The result element of the answer (for EC2 the whole answer). Errors as kind_of_aws_refusal says; unavailable also for answers
  /// that are none; cancelled.
  [[nodiscard]] Result<XmlElement> call(const AwsCall& call, const std::stop_token& stop);

  [[nodiscard]] const AwsAccount& account() const { return account_; }

 private:
  enum class Remedy { none, clock, credentials };
  [[nodiscard]] ApiCall make_call(const AwsCall& call, const AwsCredentials& credentials) const;
  [[nodiscard]] Result<XmlElement> read(const AwsCall& call, const ApiCall& sent, const HttpResponse& response) const;
  [[nodiscard]] Error refused(const AwsCall& call, const ApiCall& sent, const HttpResponse& response, const AwsRefusal& refusal,
                              const AwsCredentials& credentials) const;
  [[nodiscard]] Remedy remedy_for(const HttpResponse& response, const AwsRefusal& refusal);
  [[nodiscard]] TimePoint now() const { return surroundings_.now() + Duration(skew_.load()); }

  const AwsAccount account_;
  const AwsSurroundings surroundings_;
  AwsCredentialChain credentials_;
  std::map<AwsService, ApiClient> apis_;
  std::atomic<Duration::rep> skew_{0};  ///< AWS's clock less ours, once that mattered
};

/// A good answer may still name a page to follow. Calls until there is none; `take` gets each result.
/// Errors: those of the calls; unavailable if the pages have no end.
[[nodiscard]] Result<void> call_aws_pages(AwsClient& client, AwsCall call, std::string_view next_token_name,
                                          const std::function<void(const XmlElement&)>& take, const std::stop_token& stop);

}  // namespace weir
