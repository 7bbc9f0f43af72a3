#include "providers/kubernetes/ledger.h"

#include <gtest/gtest.h>

#include "providers/kubernetes/rfc3339.h"
#include "providers/kubernetes/workload.h"

namespace weir::kubernetes {
namespace {

using Entries = std::vector<Ledger::Entry>;

LedgerFacts pods(std::vector<std::string> alive, int replicas) { return {.alive = alive, .present = alive, .replicas = replicas}; }

TEST(Ledger, survives_being_written) {
  const Ledger ledger{.group = "app", .port = 80, .entries = {{"t1", "a"}, {"", "b"}, {"t2", ""}}, .removing = {"c"}};
  EXPECT_EQ(parse_ledger(to_text(ledger)), ledger);
  EXPECT_EQ(parse_ledger(""), Ledger{});
}

TEST(Ledger, a_damaged_one_is_refused) {
  for (const char* text : {"x", "[]", R"({"tokens":[1]})", R"({"tokens":[["a"]]})", R"({"removing":[3]})"}) {
    EXPECT_FALSE(parse_ledger(text)) << text;
  }
}

TEST(Ledger, new_pods_go_to_waiting_tokens_oldest_to_oldest) {
  const Ledger ledger{.entries = {{"t1", "a"}, {"t2", ""}, {"t3", ""}}};
  EXPECT_EQ(settled(ledger, pods({"a", "b", "c"}, 3), {}).entries, (Entries{{"t1", "a"}, {"t2", "b"}, {"t3", "c"}}));
}

TEST(Ledger, what_was_seen_before_is_kept_although_an_older_pod_has_turned_up) {
  const Ledger ledger{.entries = {{"t1", ""}, {"t2", ""}}};
  EXPECT_EQ(settled(ledger, pods({"a", "b"}, 2), {{"t1", "b"}}).entries, (Entries{{"t1", "b"}, {"t2", "a"}}));
}

TEST(Ledger, a_pod_made_in_place_of_another_inherits_its_token) {
  const Ledger ledger{.entries = {{"t1", "gone"}, {"t2", "b"}}};
  EXPECT_EQ(settled(ledger, pods({"b", "new"}, 2), {}).entries, (Entries{{"t1", "new"}, {"t2", "b"}}));
}

TEST(Ledger, a_token_that_never_had_a_pod_comes_before_one_that_lost_its_own) {
  const Ledger ledger{.entries = {{"t1", "gone"}, {"t2", ""}}};
  EXPECT_EQ(settled(ledger, pods({"new"}, 2), {}).entries, (Entries{{"t1", ""}, {"t2", "new"}}));
}

TEST(Ledger, tokens_for_which_no_pod_can_come_any_more_are_dropped) {
  const Ledger ledger{.entries = {{"t1", "a"}, {"t2", "gone"}, {"t3", "gone-too"}}};
  EXPECT_EQ(settled(ledger, pods({"a"}, 1), {}).entries, (Entries{{"t1", "a"}}));
}

TEST(Ledger, a_pod_that_is_being_removed_is_nobodys_and_takes_no_room) {
  const Ledger ledger{.entries = {{"t1", ""}}, .removing = {"a", "gone"}};
  const Ledger after = settled(ledger, pods({"a"}, 1), {});
  EXPECT_EQ(after.entries, (Entries{{"t1", ""}}));
  EXPECT_EQ(after.removing, (std::vector<std::string>{"a"}));
}

TEST(Ledger, pods_that_were_there_first_are_never_taken_for_what_was_launched) {
  Ledger ledger = with_all_known({}, pods({"old"}, 1));
  ledger.entries.push_back({"t1", ""});
  EXPECT_EQ(settled(ledger, pods({"old", "new"}, 2), {}).token_of("new"), "t1");
  EXPECT_EQ(settled(ledger, pods({"old", "new"}, 2), {}).token_of("old"), "");
}

TEST(Image, its_tag_is_the_version) {
  EXPECT_EQ(image_version("app:v1"), "v1");
  EXPECT_EQ(image_version("registry:5000/shop/app:v2@sha256:abc"), "v2");
  EXPECT_EQ(image_version("registry:5000/shop/app"), "latest");
  EXPECT_EQ(image_version("app@sha256:abc"), "sha256:abc");
  EXPECT_EQ(image_version(""), "");
}

TEST(Times, are_read_as_kubernetes_writes_them) {
  EXPECT_EQ(format_time(parse_time("2026-03-01T09:30:00Z").value()), "2026-03-01T09:30:00.000Z");
  EXPECT_EQ(format_time(parse_time("2026-03-01T09:30:00.2501234+02:00").value()), "2026-03-01T07:30:00.250Z");
  for (const char* text :
       {"", "2026-03-01", "2026-02-30T00:00:00Z", "2026-03-01T09:30:00", "2026-03-01T25:30:00Z", "2026-03-01T09:30:00Zx"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

}  // namespace
}  // namespace weir::kubernetes
