#include "balancers/peer_writer.h"

#include <fmt/format.h>

#include <utility>

namespace weir {

PeerWriter::PeerWriter(std::string name, Write write, Tidy tidy)
    : name_(std::move(name)),
      write_(std::move(write)),
      tidy_(std::move(tidy)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

PeerWriter::~PeerWriter() {
  thread_.request_stop();
  thread_.join();
  for (const Balancer::Done& done : waiting_) {
    done(failure(ErrorKind::cancelled, fmt::format("{}: not written, we are stopping", name_)));
  }
}

void PeerWriter::submit(std::vector<Peer> peers, Balancer::Done done) {
  const std::lock_guard lock(mutex_);
  peers_ = std::move(peers);
  waiting_.push_back(std::move(done));
  changed_.notify_all();
}

bool PeerWriter::wait(const std::stop_token& stop, const std::optional<Duration>& tidy_in) {
  std::unique_lock lock(mutex_);
  const auto asked = [&] { return !waiting_.empty(); };
  if (tidy_in) {
    (void)changed_.wait_for(lock, stop, *tidy_in, asked);
  } else {
    (void)changed_.wait(lock, stop, asked);
  }
  return !stop.stop_requested();
}

void PeerWriter::run(const std::stop_token& stop) {
  std::optional<Duration> tidy_in;
  while (wait(stop, tidy_in)) {
    std::unique_lock lock(mutex_);
    const std::vector<Balancer::Done> told = std::exchange(waiting_, {});
    const std::vector<Peer> peers = peers_;
    lock.unlock();
    if (!told.empty()) {
      Result<void> result = write_(peers, stop);
      if (!result && stop.stop_requested()) result.error().kind = ErrorKind::cancelled;
      for (const Balancer::Done& done : told) done(result);
    }
    tidy_in = tidy_ ? tidy_(stop) : std::nullopt;
  }
}

}  // namespace weir
