// The shape of the house, checked by reading its files. Each rule is tried on the real tree and on a made-up one that breaks it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/structure/rules.h"

namespace weir::structure {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Tree& house() {
  static const Tree tree = read_source_tree(WEIR_SOURCE_DIR);
  return tree;
}

Tree one(std::string path, const std::string& text) { return {parse_source(std::move(path), text)}; }

TEST(Structure, the_tree_is_there) { EXPECT_GT(house().size(), 20U); }

TEST(Structure, includes_follow_the_arrows) { EXPECT_THAT(check_arrows(house()), IsEmpty()); }
TEST(Structure, pure_folders_have_no_effects) { EXPECT_THAT(check_purity(house()), IsEmpty()); }
TEST(Structure, headers_are_well_formed) { EXPECT_THAT(check_headers(house()), IsEmpty()); }
TEST(Structure, public_names_are_documented) { EXPECT_THAT(check_documentation(house()), IsEmpty()); }
TEST(Structure, tests_neither_sleep_nor_hide) { EXPECT_THAT(check_tests(house()), IsEmpty()); }
TEST(Structure, tests_mirror_the_product) { EXPECT_THAT(check_mirror(house()), IsEmpty()); }
TEST(Structure, catalogs_are_complete) { EXPECT_THAT(check_catalogs(house()), IsEmpty()); }

struct ArrowCase {
  std::string from;
  std::string to;
  bool allowed;
};

TEST(Arrows, are_enforced) {
  const std::vector<ArrowCase> cases = {
      {"model/a.h", "model/b.h", true},
      {"model/a.h", "policies/policy.h", false},
      {"model/a.cpp", "platform/file.h", false},
      {"policies/a.cpp", "model/plan.h", true},
      {"policies/a.cpp", "platform/file.h", false},
      {"policies/a.cpp", "controller/ports/ports.h", false},
      {"deploy/a.cpp", "policies/policy.h", false},
      {"platform/a.h", "model/error.h", true},
      {"platform/a.h", "providers/provider.h", false},
      {"providers/catalog.cpp", "providers/vultr/vultr.h", true},
      {"providers/vultr/vultr.cpp", "providers/provider.h", true},
      {"providers/vultr/vultr.cpp", "platform/http_client.h", true},
      {"providers/vultr/vultr.cpp", "providers/process/process.h", false},
      {"providers/vultr/vultr.cpp", "balancers/balancer.h", false},
      {"providers/vultr/vultr.cpp", "controller/ports/ports.h", false},
      {"balancers/nginx/nginx.cpp", "balancers/file_sd/file_sd.h", false},
      {"balancers/nginx/nginx.cpp", "policies/policy.h", false},
      {"controller/reconcile/a.cpp", "policies/decide.h", true},
      {"controller/reconcile/a.cpp", "platform/file.h", false},
      {"controller/reconcile/a.cpp", "controller/ports/ports.h", false},
      {"controller/loop/a.cpp", "providers/provider.h", true},
      {"controller/loop/a.cpp", "tests/fakes/a.h", false},
      {"model/a.cpp", "a.h", false},
      {"odd/a.cpp", "model/error.h", false},
  };
  for (const ArrowCase& arrow : cases) {
    const Violations found = check_arrows(one(arrow.from, "#include \"" + arrow.to + "\"\n"));
    EXPECT_EQ(found.empty(), arrow.allowed) << arrow.from << " -> " << arrow.to;
  }
}

TEST(Purity, a_header_with_effects_is_found) {
  EXPECT_THAT(check_purity(one("policies/a.cpp", "#include <vector>\n#include <fstream>\n")),
              ElementsAre("policies/a.cpp:2: a pure file includes <fstream>"));
  EXPECT_THAT(check_purity(one("providers/process/a.cpp", "#include <fstream>\n")), IsEmpty());
}

TEST(Purity, asking_for_the_time_is_found_and_speaking_of_it_is_not) {
  EXPECT_THAT(check_purity(one("model/a.cpp", "auto t = std::chrono::system_clock::now();\n")), ElementsAre(HasSubstr("uses now")));
  EXPECT_THAT(check_purity(one("model/a.cpp", "const int now = 1;  // now() is not called\nauto s = \"now()\";\n")), IsEmpty());
}

TEST(Purity, environment_and_output_are_found) {
  EXPECT_THAT(check_purity(one("controller/reconcile/a.cpp", "std::getenv(\"X\");\nstd::cerr << 1;\nspdlog::info(1);\n")),
              ElementsAre(HasSubstr(":1: a pure file uses getenv"), HasSubstr(":2: a pure file uses cerr"),
                          HasSubstr(":3: a pure file uses spdlog")));
}

TEST(Purity, an_exception_holds_for_its_file_only) {
  EXPECT_THAT(check_purity(one("model/settings.cpp", "std::fprintf(stderr, x);\n")), IsEmpty());
  EXPECT_THAT(check_purity(one("model/server.cpp", "std::fprintf(stderr, x);\n")), ElementsAre(HasSubstr("uses fprintf")));
}

TEST(Headers, a_missing_pragma_and_a_using_namespace_are_found) {
  EXPECT_THAT(check_headers(one("model/a.h", "// about\n#pragma once\nint x;\n")), IsEmpty());
  EXPECT_THAT(check_headers(one("model/a.h", "int x;\n")), ElementsAre("model/a.h:1: does not begin with #pragma once"));
  EXPECT_THAT(check_headers(one("model/a.h", "#pragma once\nusing namespace std;\n")),
              ElementsAre(HasSubstr(":2: using namespace")));
}

TEST(Headers, the_own_header_comes_first) {
  Tree tree = one("model/a.h", "#pragma once\n");
  tree.push_back(parse_source("model/a.cpp", "#include <vector>\n#include \"model/a.h\"\n"));
  EXPECT_THAT(check_headers(tree), ElementsAre(HasSubstr("own header not first")));
}

TEST(Documentation, a_bare_declaration_is_found) {
  EXPECT_THAT(check_documentation(one("model/a.h", "namespace weir {\n\nstruct A {\n  int x;\n};\n\nint f(int,\n      int);\n}\n")),
              ElementsAre("model/a.h:3: no /// above: struct A {", "model/a.h:7: no /// above: int f(int,"));
}

TEST(Documentation, adjoining_declarations_share_a_comment) {
  EXPECT_THAT(check_documentation(one(
                  "model/a.h", "namespace weir {\nstruct F;\n\n/// Both.\nstruct A {\n  int x;\n};\nint f();\n\nint g();\n}\n")),
              ElementsAre(HasSubstr("int g();")));
}

TEST(Documentation, private_headers_are_free) {
  EXPECT_THAT(check_documentation(one("providers/vultr/wire.h", "namespace weir {\nstruct A {};\n}\n")), IsEmpty());
}

TEST(TestManners, sleeping_disabling_and_silent_skipping_are_found) {
  EXPECT_THAT(check_tests(one("tests/a_test.cpp", "std::this_thread::sleep_for(1s);\n")),
              ElementsAre(HasSubstr("sleeps: sleep_for")));
  EXPECT_THAT(check_tests(one("tests/a_test.cpp", "TEST(A, DISABLED_b) {}\n")), ElementsAre(HasSubstr("disabled")));
  EXPECT_THAT(check_tests(one("tests/a_test.cpp", "GTEST_SKIP();\n")), ElementsAre(HasSubstr("without saying why")));
  EXPECT_THAT(check_tests(one("tests/a_test.cpp", "GTEST_SKIP() << \"needs root\";\n")), IsEmpty());
}

TEST(Mirror, a_folder_without_counterpart_is_found) {
  Tree tree = one("controller/config/parse.cpp", "");
  for (const char* path :
       {"tests/config/a_test.cpp", "tests/controller/config/a_test.cpp", "tests/fakes/clock.h", "tests/confg/a_test.cpp"}) {
    tree.push_back(parse_source(path, ""));
  }
  EXPECT_THAT(check_mirror(tree), ElementsAre("tests/confg: mirrors no folder of the product"));
}

TEST(Catalogs, an_unlisted_provider_is_found) {
  Tree tree = one("providers/catalog.cpp", "#include \"providers/process/process.h\"\n");
  tree.push_back(parse_source("providers/process/process.h", ""));
  tree.push_back(parse_source("providers/vultr/vultr.h", ""));
  EXPECT_THAT(check_catalogs(tree), ElementsAre("providers/catalog.cpp: does not list vultr"));
}

TEST(SourceText, comments_and_literals_are_not_code) {
  const std::string text =
      "int a = 600'000;  // now()\n"
      "auto b = R\"x(now() \" )\" )x\"; int c;\n"
      "/* now()\n now() */ char d = '\"'; int e;\n";
  const SourceFile file = parse_source("a.cpp", text);
  ASSERT_EQ(file.code.size(), 4U);
  EXPECT_THAT(file.code[0], HasSubstr("int a = 600'000;"));
  EXPECT_THAT(file.code[1], HasSubstr("; int c;"));
  EXPECT_THAT(file.code[3], HasSubstr("; int e;"));
  for (const std::string& line : file.code) EXPECT_EQ(line.find("now"), std::string::npos) << line;
}

}  // namespace
}  // namespace weir::structure
