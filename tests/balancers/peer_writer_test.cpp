#include "balancers/peer_writer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <latch>

namespace weir {
namespace {

using namespace std::chrono_literals;

std::vector<Peer> peers(int number) { return {{"srv", "10.0.0.1:" + std::to_string(number), 1}}; }

TEST(PeerWriter, writes_that_come_meanwhile_are_made_as_one_with_the_last_peers) {
  std::vector<std::vector<Peer>> written;
  std::latch begun(1);
  std::promise<void> go;
  std::promise<void> first;
  std::promise<void> last;
  int answered = 0;
  PeerWriter writer("it", [&](std::span<const Peer> wish, const std::stop_token&) -> Result<void> {
    written.emplace_back(wish.begin(), wish.end());
    if (written.size() > 1) return failure(ErrorKind::denied, "no");
    begun.count_down();
    go.get_future().wait();
    return {};
  });
  writer.submit(peers(1), [&](const Result<void>& result) {
    EXPECT_TRUE(result.has_value());
    first.set_value();
  });
  begun.wait();
  for (int number = 2; number <= 4; ++number) {
    writer.submit(peers(number), [&](const Result<void>& result) {
      EXPECT_EQ(result.error(), (Error{ErrorKind::denied, "no"}));
      if (++answered == 3) last.set_value();
    });
  }
  go.set_value();
  first.get_future().wait();
  last.get_future().wait();
  EXPECT_EQ(written, (std::vector<std::vector<Peer>>{peers(1), peers(4)}));
}

TEST(PeerWriter, its_end_stops_what_is_under_way_and_answers_the_rest) {
  std::latch begun(1);
  std::vector<Error> answers;
  {
    PeerWriter writer("it", [&](std::span<const Peer>, const std::stop_token& stop) -> Result<void> {
      begun.count_down();
      std::promise<void> stopped;
      const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
      stopped.get_future().wait();
      return failure(ErrorKind::unavailable, "broke off");
    });
    const auto keep = [&](const Result<void>& result) { answers.push_back(result.error()); };
    writer.submit(peers(1), keep);
    begun.wait();
    writer.submit(peers(2), keep);
  }
  EXPECT_EQ(answers,
            (std::vector<Error>{{ErrorKind::cancelled, "broke off"}, {ErrorKind::cancelled, "it: not written, we are stopping"}}));
}

TEST(PeerWriter, what_is_left_to_do_is_looked_at_again_until_nothing_is) {
  int looks = 0;
  std::promise<void> nothing_left;
  PeerWriter writer(
      "it", [](std::span<const Peer>, const std::stop_token&) { return Result<void>{}; },
      [&](const std::stop_token&) -> std::optional<Duration> {
        if (++looks < 4) return 1ms;
        nothing_left.set_value();
        return std::nullopt;
      });
  writer.submit(peers(1), [](const Result<void>&) {});
  nothing_left.get_future().wait();
  EXPECT_EQ(looks, 4);
}

}  // namespace
}  // namespace weir
