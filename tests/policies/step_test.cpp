#include "policies/step.h"

#include <gmock/gmock.h>

#include "tests/policies/fleets.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Extra = std::vector<std::pair<std::string, Settings::Value>>;

constexpr Change by(double servers) { return {Change::Kind::by_servers, servers}; }
constexpr Change percent(double share) { return {Change::Kind::by_percent, share}; }
constexpr Change exactly(double servers) { return {Change::Kind::to_exactly, servers}; }

struct Band {
  std::optional<double> from;
  std::optional<double> to;
  Change change;
};

Settings::Sections sections(const std::vector<Band>& bands) {
  Settings::Sections all;
  for (const Band& band : bands) {
    Settings& one = all.emplace_back();
    if (band.from) one.set("from", *band.from, {.line = 5, .column = 1});
    if (band.to) one.set("to", *band.to, {.line = 5, .column = 2});
    one.set("change", band.change, {.line = 5, .column = 3});
  }
  return all;
}

std::unique_ptr<const Policy> steps(const std::vector<Band>& bands, Extra extra = {}) {
  extra.insert(extra.begin(), {"min_change", std::int64_t{1}});
  extra.emplace_back("steps", sections(bands));
  return policy_of("step", std::move(extra));
}

const std::vector<Band> kBothWays = {{{}, 20, by(-2)}, {20, 30, by(-1)}, {70, 85, by(+1)}, {85, {}, by(+3)}};

std::string ask(const Policy& policy, const Sample& sample, const Fleet& fleet) {
  PolicyMemory memory;
  return stance_of(policy.vote(one(sample), fleet, kNoon, memory));
}

TEST(Step, the_band_of_the_value_says_by_how_much) {
  struct Case {
    double value;
    const char* stance;
  };
  const Case cases[] = {
      {-1e300, "wants 6"}, {19.9, "wants 6"}, {20, "wants 7"},   {29.9, "wants 7"}, {30, "content"},
      {69.9, "content"},   {70, "wants 9"},   {84.9, "wants 9"}, {85, "wants 11"},  {1e300, "wants 11"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(ask(*steps(kBothWays), ok(test.value), TestFleet(8, 8)), test.stance) << test.value;
  }
}

TEST(Step, the_order_of_the_bands_in_the_file_does_not_matter) {
  const std::vector<Band> turned(kBothWays.rbegin(), kBothWays.rend());
  for (const double value : {0.0, 25.0, 50.0, 75.0, 90.0}) {
    EXPECT_EQ(ask(*steps(turned), ok(value), TestFleet(8, 8)), ask(*steps(kBothWays), ok(value), TestFleet(8, 8))) << value;
  }
}

TEST(Step, has_a_say_in_the_directions_of_its_bands) {
  struct Case {
    std::vector<Band> bands;
    bool out;
    bool in;
  };
  const Case cases[] = {{kBothWays, true, true},
                        {{{70, {}, by(+1)}}, true, false},
                        {{{{}, 30, by(-1)}}, false, true},
                        {{{30, {}, percent(-10)}}, false, true}};
  for (const Case& test : cases) {
    PolicyMemory memory;
    const Vote vote = steps(test.bands)->vote(one(ok(50)), TestFleet(8, 8), kNoon, memory);
    EXPECT_EQ(vote.scales_out, test.out);
    EXPECT_EQ(vote.scales_in, test.in);
    EXPECT_TRUE(vote.value_falls);
    EXPECT_EQ(vote.value, 50);
  }
}

// AWS, PercentChangeInCapacity: values between 0 and 1 become 1, others are cut; MinAdjustmentMagnitude is at least so many.
TEST(Step, a_percentage_is_cut_to_whole_servers_but_is_at_least_one_or_min_change) {
  struct Case {
    double share;
    int servers;
    int least;
    const char* stance;
  };
  const Case cases[] = {
      {10, 4, 1, "wants 5"},     {25, 10, 1, "wants 12"}, {29.9, 10, 1, "wants 12"},  {30, 10, 1, "wants 13"},
      {100, 3, 1, "wants 6"},    {10, 10, 3, "wants 13"}, {50, 10, 3, "wants 15"},    {0.001, 1, 1, "wants 2"},
      {50, 0, 1, "wants 1"},     {70, 10, 1, "wants 17"}, {-10, 4, 1, "wants 3"},     {-25, 10, 1, "wants 8"},
      {-29.9, 10, 1, "wants 8"}, {-30, 10, 1, "wants 7"}, {-100, 3, 1, "wants 0"},    {-10, 10, 3, "wants 7"},
      {-10, 2, 3, "wants 0"},    {-50, 0, 1, "content"},  {1e6, 1, 1, "wants 10001"},
  };
  for (const Case& test : cases) {
    const auto policy =
        policy_of("step", {{"min_change", std::int64_t{test.least}}, {"steps", sections({{50, {}, percent(test.share)}})}});
    EXPECT_EQ(ask(*policy, ok(60), TestFleet(test.servers, test.servers)), test.stance) << test.share << " % of " << test.servers;
  }
}

TEST(Step, what_is_on_its_way_is_not_asked_for_twice) {
  const auto policy = steps(kBothWays);
  EXPECT_EQ(ask(*policy, ok(75), TestFleet(5, 4, 1)), "content") << "one more than four was asked for already";
  EXPECT_EQ(ask(*policy, ok(90), TestFleet(5, 4, 1)), "wants 7") << "a worse band adds what is missing";
  EXPECT_EQ(ask(*policy, ok(90), TestFleet(7, 4, 3)), "content");
  EXPECT_EQ(ask(*policy, ok(10), TestFleet(5, 4, 1)), "content") << "nothing shrinks while a server warms up";
  PolicyMemory memory;
  EXPECT_EQ(policy->vote(one(ok(75)), TestFleet(5, 4, 1), kNoon, memory).why,
            "75 is from 70 to 85: +1 from 4 warmed servers is 5, already asked for");
  EXPECT_EQ(policy->vote(one(ok(10)), TestFleet(5, 4, 1), kNoon, memory).why,
            "10 is below 20: -2, but 1 servers are not warmed up yet");
}

TEST(Step, servers_beyond_desired_are_the_first_to_go) {
  const auto policy = steps(kBothWays);
  EXPECT_EQ(ask(*policy, ok(10), TestFleet(4, 6)), "content");
  EXPECT_EQ(ask(*policy, ok(75), TestFleet(4, 6)), "wants 7") << "six are too few";
}

TEST(Step, acts_after_an_unbroken_time_in_bands_of_one_direction) {
  struct Turn {
    Duration at;
    double value;
    const char* stance;
  };
  const Turn turns[] = {
      {0s, 75, "content"},   {59s, 90, "content"},  {60s, 90, "wants 11"}, {61s, 75, "wants 9"},  // another band, the same
                                                                                                  // direction
      {62s, 50, "content"},  {63s, 75, "content"},  {123s, 75, "wants 9"},                        // broken, and begun again
      {124s, 10, "content"}, {184s, 10, "wants 6"}, {185s, 75, "content"}, {186s, 10, "content"}, {246s, 10, "wants 6"},
  };
  const auto policy = steps(kBothWays, {{"for", Duration(60s)}});
  PolicyMemory memory;
  for (const Turn& turn : turns) {
    EXPECT_EQ(stance_of(policy->vote(one(ok(turn.value)), TestFleet(8, 8), kNoon + turn.at, memory)), turn.stance)
        << format_duration(turn.at);
  }
}

TEST(Step, a_moment_without_data_breaks_the_proof_for_shrinking_but_not_for_growing) {
  const auto policy = steps(kBothWays, {{"for", Duration(60s)}});
  const TestFleet fleet(8, 8);
  for (const bool out : {true, false}) {
    PolicyMemory memory;
    const double value = out ? 75 : 10;
    (void)policy->vote(one(ok(value)), fleet, kNoon, memory);
    EXPECT_EQ(stance_of(policy->vote(one(bad(Sample::Status::failed)), fleet, kNoon + 30s, memory)), "abstains");
    EXPECT_EQ(stance_of(policy->vote(one(ok(value)), fleet, kNoon + 60s, memory)), out ? "wants 9" : "content");
  }
}

TEST(Step, servers_without_data_count_as_idle_for_growing_and_forbid_shrinking) {
  const auto policy = steps(kBothWays, {{"server_label", std::string("instance")}});
  const TestFleet fleet(4, 4);
  EXPECT_EQ(ask(*policy, ok({{"s1", 90}, {"s2", 90}, {"s3", 90}, {"s4", 90}}), fleet), "wants 7");
  EXPECT_EQ(ask(*policy, ok({{"s1", 100}, {"s2", 100}, {"s3", 100}}), fleet), "wants 5") << "75, the fourth idle";
  EXPECT_EQ(ask(*policy, ok({{"s1", 90}, {"s2", 90}}), fleet), "content") << "45";
  EXPECT_EQ(ask(*policy, ok({{"s1", 10}, {"s2", 10}, {"s3", 10}}), fleet), "content");
  PolicyMemory memory;
  EXPECT_EQ(policy->vote(one(ok({{"s1", 10}, {"s2", 10}, {"s3", 10}})), fleet, kNoon, memory).why,
            "1 of 4 servers have no number: not shrunk on part of the data");
}

TEST(Step, an_exact_size_never_moves_against_its_direction) {
  const std::vector<Band> bands = {{{}, 20, exactly(2)}, {80, {}, exactly(10)}};
  EXPECT_EQ(ask(*steps(bands), ok(10), TestFleet(5, 5)), "wants 2");
  EXPECT_EQ(ask(*steps(bands), ok(10), TestFleet(1, 1)), "content");
  EXPECT_EQ(ask(*steps(bands), ok(90), TestFleet(5, 5)), "wants 10");
  EXPECT_EQ(ask(*steps(bands), ok(90), TestFleet(15, 15)), "content") << "much load is no reason to shrink";
}

// Found by thinking it through: the lowest of the bands was taken for one of little load, so 85 against two servers added nothing.
TEST(Step, an_exact_size_in_bands_that_are_all_for_much_load_grows) {
  const std::vector<Band> bands = {{80, 90, exactly(10)}, {90, {}, exactly(20)}};
  EXPECT_EQ(ask(*steps(bands), ok(85), TestFleet(2, 2)), "wants 10");
  EXPECT_EQ(ask(*steps(bands), ok(95), TestFleet(2, 2)), "wants 20");
  EXPECT_EQ(ask(*steps(bands), ok(85), TestFleet(15, 15)), "content");
}

// Found by thinking it through: the only band was taken for one of much load.
TEST(Step, an_exact_size_in_the_only_band_shrinks_if_it_is_for_little_load) {
  for (const std::optional<double> from : {std::optional<double>(), std::optional(0.0)}) {
    EXPECT_EQ(ask(*steps({{from, 20, exactly(1)}}), ok(10), TestFleet(5, 5)), "wants 1");
    EXPECT_EQ(ask(*steps({{from, 20, exactly(8)}}), ok(10), TestFleet(5, 5)), "content");
  }
}

TEST(Step, says_which_band_and_what_it_comes_to) {
  PolicyMemory memory;
  const auto why = [&](double value) { return steps(kBothWays)->vote(one(ok(value)), TestFleet(8, 8), kNoon, memory).why; };
  EXPECT_EQ(why(10), "10 is below 20: -2");
  EXPECT_EQ(why(75), "75 is from 70 to 85: +1");
  EXPECT_EQ(why(90), "90 is from 85: +3");
  EXPECT_EQ(why(50), "50 is in no band that changes anything");
}

TEST(Step, refuses_bands_that_overlap_or_end_before_they_begin) {
  const auto complaints = [](const std::vector<Band>& bands) {
    PolicySpec spec{.name = "it", .type = "step"};
    spec.settings.set("query", std::string("up"));
    spec.settings.set("steps", sections(bands));
    std::vector<std::string> found;
    for (const SettingsError& error : kStepPolicy.check(spec)) {
      EXPECT_TRUE(error.mark.line > 0 || bands.empty()) << error.path;
      found.push_back(error.path + ": " + error.message);
    }
    return found;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(complaints(kBothWays), ElementsAre());
  EXPECT_THAT(complaints({}), ElementsAre("steps: expected at least one band"));
  EXPECT_THAT(complaints({{30, 30, by(1)}}), ElementsAre("steps[0].to: expected more than from, which is 30"));
  EXPECT_THAT(complaints({{70, {}, by(2)}, {50, 71, by(1)}}),
              ElementsAre("steps[0].from: expected a band that does not overlap steps[1], which is from 50 to 71"));
  EXPECT_THAT(complaints({{{}, {}, by(1)}, {{}, {}, by(2)}}).size(), 1U);
}

}  // namespace
}  // namespace weir
