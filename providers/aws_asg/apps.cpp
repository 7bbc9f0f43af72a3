#include "providers/aws_asg/apps.h"

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "platform/health_check.h"

namespace weir {

std::set<std::string> who_answers(HttpClient& http, const std::map<std::string, std::string>& addresses, const HealthCheck& check,
                                  const std::stop_token& stop) {
  std::vector<std::pair<std::string, std::future<bool>>> asked;
  for (const auto& [id, address] : addresses) {
    const auto promise = std::make_shared<std::promise<bool>>();
    asked.emplace_back(id, promise->get_future());
    const auto done = [promise, check](const Result<HttpResponse>& answer) {
      promise->set_value(is_good_answer(answer, check).value_or(false));
    };
    http.send(health_request(address, check), done, stop);
  }
  std::set<std::string> answering;
  for (auto& [id, answer] : asked) {
    if (answer.get()) answering.insert(id);
  }
  return answering;
}

}  // namespace weir
