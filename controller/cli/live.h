#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controller/api/metrics.h"
#include "controller/api/rates.h"
#include "controller/api/routes.h"
#include "controller/api/writes.h"
#include "controller/log/log.h"
#include "controller/loop/loop.h"
#include "controller/state/state_reader.h"

namespace weir {

/// What the API tells about the loop in force, which changes with every reload. Thread-safe.
class LiveData final : public ApiData {
 public:
  LiveData(const StateReader& reader, const Metrics& metrics) : reader_(reader), metrics_(metrics) {}

  /// The loop in force from now on; nullptr while it is being changed.
  void follow(std::shared_ptr<const Loop> loop);

  [[nodiscard]] std::vector<std::shared_ptr<const GroupStatus>> groups() const override;
  [[nodiscard]] std::shared_ptr<const GroupStatus> group(const std::string& name) const override;
  [[nodiscard]] Result<std::vector<std::string>> decisions(const std::string& group, const TurnsAsked& asked) const override;
  [[nodiscard]] Result<std::string> series(const std::string& group, TimePoint since) const override;
  [[nodiscard]] std::optional<std::string> plan(const std::string& group) const override;
  [[nodiscard]] std::string metrics() const override { return metrics_.text(); }
  [[nodiscard]] Result<void> alive() const override;
  [[nodiscard]] Result<void> ready() const override;

 private:
  [[nodiscard]] std::shared_ptr<const Loop> loop() const;

  const StateReader& reader_;
  const Metrics& metrics_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Loop> loop_;
};

/// A line of the log that anybody can cause: it is written once in a while, and says how often it was meant.
class SeldomLogged {
 public:
  /// It happened at `now`. How often since the last line, this time included, if a line is due.
  [[nodiscard]] std::optional<int> happened(std::chrono::steady_clock::time_point now);

 private:
  std::optional<std::chrono::steady_clock::time_point> logged_;
  int count_ = 0;
};

/// Hands what the API is told to do to the loop in force, and writes it into the log. Thread-safe.
class LiveControl final : public ApiControl {
 public:
  LiveControl(const Clock& clock, const Log& log, Metrics& metrics) : clock_(clock), log_(log), metrics_(metrics) {}

  /// The loop in force from now on; nullptr while it is being changed.
  void follow(std::shared_ptr<Loop> loop);
  /// Who may do what from now on, and how often.
  void admit(ApiAccess access, const ApiRates& rates);

  [[nodiscard]] std::shared_ptr<const ApiAccess> access() const override;
  [[nodiscard]] std::optional<Duration> admit(const std::string& remote) override;
  [[nodiscard]] std::optional<Duration> wrong_token(const std::string& remote) override;
  [[nodiscard]] TimePoint now() const override { return clock_.now(); }
  void order(const std::string& group, const Order& order, Ordered ordered) override;
  void written(const ApiWrite& write) override;

 private:
  const Clock& clock_;
  const Log& log_;
  Metrics& metrics_;
  PeerRates rates_;
  mutable std::mutex mutex_;
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<const ApiAccess> access_ = std::make_shared<ApiAccess>(ApiAccess{.tokens = {}, .reading_is_open = false});
  SeldomLogged wrong_tokens_;
  SeldomLogged strangers_;
};

}  // namespace weir
