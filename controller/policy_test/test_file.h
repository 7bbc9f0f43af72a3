#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/config/config.h"
#include "controller/policy_test/notation.h"
#include "model/group.h"
#include "model/observation.h"
#include "model/query.h"

namespace weir {

/// What one query of a test's group is answered with.
struct TestAnswers {
  Sample::Status status = Sample::Status::ok;   ///< another one: in every turn, whatever the values
  SeriesValues values;                          ///< one per turn; after the last there is no data
  std::map<std::string, SeriesValues> servers;  ///< instead, with a server_label: by server id
};

/// A server that is there when a test begins.
struct TestServer {
  std::string id;
  std::optional<Duration> warm;  ///< in service for so long; absent: long enough
  bool unready = false;          ///< never healthy
};

/// What a test expects of one turn; absent: anything.
struct Expectation {
  SourceMark mark;
  Duration at{0};  ///< after the first turn: the turn at or just before it is meant
  std::optional<int> desired;
  std::optional<int> min;
  std::optional<int> max;
  std::optional<int> in_service;
  std::map<std::string, int> stages;                  ///< what a stage made of it
  std::map<std::string, std::string> votes;           ///< by policy: "wants 5", "content", "abstains"
  std::string why;                                    ///< a regular expression; empty: anything
  std::optional<std::map<std::string, int>> actions;  ///< how many of each kind, and none of any other
};

/// One entry of `tests:`.
struct PolicyTest {
  std::string name;
  SourceMark mark;
  Group group;  ///< with the test's interval, and no balancers
  TimePoint begin;
  Duration boot{0};
  std::vector<TestServer> servers;
  int desired = 0;
  std::map<std::string, TestAnswers> answers;  ///< by the names of asked_by()
  std::vector<Order> orders;                   ///< sorted by time
  std::vector<Expectation> expectations;       ///< sorted by time
};

struct TestFile {
  std::filesystem::path path;
  std::vector<PolicyTest> tests;
};

using TestFileResult = std::expected<TestFile, ConfigErrors>;

/// Reads a file of tests, and the configuration it names. All errors of both are found at once. Secrets are not read: no test needs
/// one.
[[nodiscard]] TestFileResult load_test_file(const std::filesystem::path& file, const Catalogs& catalogs);

/// The same, from text; `file` says where it stands.
[[nodiscard]] TestFileResult parse_test_file(std::string_view text, const std::filesystem::path& file, const Catalogs& catalogs);

}  // namespace weir
