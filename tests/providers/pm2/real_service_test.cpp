// The real weir with the real PM2.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "platform/child_program.h"
#include "platform/command.h"
#include "platform/file.h"
#include "platform/http_client.h"
#include "tests/providers/pm2/real_pm2.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Json = nlohmann::json;

constexpr const char* kApp =
    "require('http').createServer((request, answer) => answer.end(process.env.WEIR_TOKEN || 'itself'))"
    ".listen(Number(process.env.PORT), '127.0.0.1');\n";

class Pm2Service : public testing::Test {
 protected:
  void SetUp() override {
    if (RealPm2::program().empty()) {
      GTEST_SKIP() << "no PM2 here (`npm install --prefix build/pm2 pm2`): it is not tested with the real one";
    }
    write("app.js", kApp);
    write("token", "a token for this test only");
    write("weir.yaml", fmt::format(R"(
controller: {{interval: 1s, state: {0}/state.db, listen: "127.0.0.1:{1}", token_file: {0}/token}}
providers:
  own: {{type: pm2, home: {0}/home, command: [{2}]}}
groups:
  - name: shop
    provider: own
    server: {{app: app, port_env: PORT}}
    min: 1
    max: 3
    health: {{http: /, interval: 500ms, timeout: 500ms, healthy_after: 1}}
    drain: {{timeout: 1s}}
    scale_in: {{cooldown: 0s, stabilization_window: 0s}}
    balancers: [{{type: file_sd, file: {0}/targets.json}}]
)",
                                   path(), free_port(), RealPm2::program()));
    const auto started =
        pm2_.start({{{"name", "app"}, {"script", path() + "/app.js"}, {"autostart", false}, {"env", {{"PORT", "30000"}}}},
                    {{"name", "db"}, {"script", "/bin/sleep"}, {"args", {"100000"}}, {"interpreter", "none"}}});
    ASSERT_TRUE(started) << started.error().message;
  }

  [[nodiscard]] std::string path() const { return pm2_.path().string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(pm2_.path() / name) << text; }

  [[nodiscard]] Result<ChildProgram> run_weir() const {
    const char* path_variable = std::getenv("PATH");
    return ChildProgram::start(
        {WEIR_PROGRAM, "run", "-c", path() + "/weir.yaml"},
        {fmt::format("PATH={}", path_variable != nullptr ? path_variable : "/usr/bin:/bin"), "HOME=" + path()});
  }
  void scale(int servers) const {
    const auto done = run_command({WEIR_PROGRAM, "scale", "shop", std::to_string(servers), "-c", path() + "/weir.yaml"}, 30s);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->status, 0) << done->output;
  }
  /// The servers that weir has in service, by what each says that it is; one that does not answer is missing.
  [[nodiscard]] std::set<std::string> in_service() const {
    std::set<std::string> answers;
    const Json targets = Json::parse(read_file(pm2_.path() / "targets.json").value_or(""), nullptr, false);
    if (!targets.is_array()) return answers;
    HttpClient client;
    for (const Json& server : targets) {
      const auto answer = client.fetch({.url = "http://" + server["targets"][0].get<std::string>()});
      if (answer && answer->status == 200) answers.insert(answer->body);
    }
    return answers;
  }
  [[nodiscard]] bool serves_with(std::size_t servers) const {
    return wait_until(60s, [&] { return in_service().size() == servers; });
  }

  RealPm2 pm2_;
};

TEST_F(Pm2Service, weir_scales_an_app_of_pm2_out_and_in_and_leaves_all_else_alone) {
  auto weir = run_weir();
  ASSERT_TRUE(weir) << weir.error().message;
  ASSERT_TRUE(serves_with(1));
  const std::set<std::string> first = in_service();
  scale(3);
  EXPECT_TRUE(serves_with(3));
  EXPECT_TRUE(in_service().contains(*first.begin()));
  scale(1);
  EXPECT_TRUE(serves_with(1));
  std::vector<std::string> entries;
  EXPECT_TRUE(wait_until(60s, [&] { return (entries = pm2_.entries()).size() == 3; }));
  ASSERT_EQ(in_service().size(), 1U);
  EXPECT_THAT(entries, ElementsAre("app stopped", "app." + *in_service().begin() + " online", "db online"));
}

}  // namespace
}  // namespace weir
