// A plug-in that does what its `mode` says, and breaks the rules in many of them.
#include <weir/plugin.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace std::string_view_literals;

/// How many providers are open: told with every list.
std::atomic<int> open_providers{0};

struct State {
  std::string mode;
};

bool says(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

void reply(const weir_plugin_call* call, std::string_view text) { call->answer(call->context, text.data(), text.size()); }

void wait_until_given_up(const weir_plugin_call* call) {
  while (call->given_up(call->context) == 0) std::this_thread::yield();
}

std::string mode_in(std::string_view hello) {
  for (const auto mode : {"silent"sv, "twice"sv, "throws"sv, "throws_number"sv, "hangs"sv, "no_json"sv, "null"sv, "refuses"sv,
                          "old"sv, "opens_nothing"sv}) {
    if (says(hello, "\"mode\":\"" + std::string(mode) + "\"")) return std::string(mode);
  }
  return "good";
}

void* open_unruly(const char* hello, size_t length, const weir_plugin_call* call) {
  const std::string mode = mode_in({hello, length});
  if (mode == "refuses") reply(call, R"({"error":{"kind":"denied","message":"no licence\nfor you"}})");
  reply(call, mode == "old" ? R"({"protocol":0})" : R"({"protocol":1})");
  if (mode == "refuses" || mode == "opens_nothing") return nullptr;
  ++open_providers;
  return new State{mode};
}

void ask_unruly(void* provider, const char* /*request*/, size_t /*length*/, const weir_plugin_call* call) {
  const std::string& mode = static_cast<State*>(provider)->mode;
  if (mode == "silent") return;
  if (mode == "throws") throw std::runtime_error("out of\nluck");
  if (mode == "throws_number") throw 7;
  if (mode == "hangs") return wait_until_given_up(call);
  if (mode == "no_json") return reply(call, "{\"servers\":[\xff");
  if (mode == "null") return call->answer(call->context, nullptr, 12);
  reply(call, R"({"servers":[{"id":"open-)" + std::to_string(open_providers.load()) + R"(","group":"app"}]})");
  if (mode == "twice") reply(call, R"({"error":{"kind":"denied","message":"second thoughts"}})");
}

void close_unruly(void* provider) {
  delete static_cast<State*>(provider);
  --open_providers;
}

#if defined(WEIR_TEST_other_abi)
const weir_plugin kPlugin = {WEIR_PLUGIN_ABI + 1, 0, "from the future", open_unruly, ask_unruly, close_unruly};
#elif defined(WEIR_TEST_incomplete)
const weir_plugin kPlugin = {WEIR_PLUGIN_ABI, 0, "half", open_unruly, nullptr, close_unruly};
#else
const weir_plugin kPlugin = {WEIR_PLUGIN_ABI, 0, "unruly 1", open_unruly, ask_unruly, close_unruly};
#endif

}  // namespace

const weir_plugin* weir_plugin_entry() { return &kPlugin; }
