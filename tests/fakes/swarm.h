#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "model/time.h"
#include "tests/support/http_stub.h"

namespace weir {

/// A swarm behind a fake Engine API, for HttpStub: services by compare and swap on their version, tasks by slots, nodes that go
/// down. Swarm's own work is done as soon as a change is accepted, or when `work()` is called if it is told to be slow. Its answers
/// have the form of the recorded ones. Thread-safe.
class FakeSwarm {
 public:
  using Json = nlohmann::json;

  FakeSwarm();

  [[nodiscard]] HttpStub::Answer answer(const HttpStub::Request& request);

  /// A replicated service that publishes 8080 on its nodes, with image `app:v1`.
  void add_service(const std::string& name, int replicas = 0);
  /// As an operator would: `change` gets the spec.
  void edit(const std::string& service, const std::function<void(Json& spec)>& change);
  /// Anything in the service as it is shown: its update status …
  void edit_service(const std::string& service, const std::function<void(Json& service)>& change);
  void remove_service(const std::string& name);
  void edit_task(const std::string& id, const std::function<void(Json& task)>& change);
  void add_node(const std::string& id);
  /// While it is `down`, what stands on it stays as it is; Swarm gives that up, and replaces it, with work().
  void set_node(const std::string& id, const std::string& state);
  /// The task ends like that, and another takes its slot at once unless the service's restart policy is none.
  void end_task(const std::string& id, const std::string& state, const std::string& error);

  /// From now on tasks are only made and moved by work().
  void be_slow();
  void work();
  /// Tasks with this image are rejected: there is no such image.
  void lack_image(const std::string& image);
  /// New tasks stay pending with this error; empty: they run at once.
  void refuse_tasks(const std::string& error);
  /// Tasks told to go stay until work().
  void linger();
  void pass(Duration duration);

  [[nodiscard]] Json service(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> service_names() const;
  [[nodiscard]] int replicas(const std::string& name) const;
  [[nodiscard]] std::vector<Json> tasks(const std::string& service) const;
  [[nodiscard]] Json task(const std::string& id) const;  ///< null: there is none
  [[nodiscard]] int updates() const;                     ///< accepted ones

  /// What happens to a POST of an update or a creation that is about to come.
  enum class Fault {
    none,
    refused,       ///< 400: the spec is wrong
    overtaken,     ///< somebody else changes the service first
    lost_reply,    ///< done, but nobody hears of it
    lost_request,  ///< not done, and nobody hears of it
    broken,        ///< 500 without having been done
  };
  void fail_next_updates(std::vector<Fault> faults);
  /// Every call answers so; empty handler: as usual.
  void override(std::function<bool(const HttpStub::Request&, HttpStub::Answer&)> handler);
  /// Calls to paths that begin so (`/tasks/`) are answered 403, as by a proxy in front of the Engine.
  void refuse_paths(std::vector<std::string> beginnings);

 private:
  [[nodiscard]] HttpStub::Answer route(const HttpStub::Request& request);
  [[nodiscard]] HttpStub::Answer update(const HttpStub::Request& request, const std::string& id);
  [[nodiscard]] HttpStub::Answer create(const std::string& body);
  [[nodiscard]] HttpStub::Answer remove(const std::string& id);
  [[nodiscard]] HttpStub::Answer inspect_task(const std::string& id) const;
  [[nodiscard]] Fault next_fault();
  [[nodiscard]] HttpStub::Answer list_tasks(const std::string& target);
  [[nodiscard]] Json* find_service(const std::string& name);
  void orchestrate();
  void reconcile(Json& service);
  void fill_slots(const Json& service, int missing);
  void empty_slots(const std::string& service, int surplus);
  void replace_lost(const Json& service);
  [[nodiscard]] bool is_lost(const Json& task) const;
  void drop_removed();
  void add_task(const Json& service, int slot);
  void start(Json& task);
  void touch(Json& object);
  [[nodiscard]] std::string now() const;
  [[nodiscard]] std::vector<Json*> wanted(const std::string& service);

  mutable std::mutex mutex_;
  std::vector<Json> services_;
  std::vector<Json> tasks_;
  std::vector<Json> nodes_;
  std::vector<Fault> faults_;
  std::function<bool(const HttpStub::Request&, HttpStub::Answer&)> override_;
  TimePoint now_{Duration{1'772'000'000'000}};
  std::vector<std::string> refused_paths_;
  std::string refusal_;
  std::set<std::string> lacking_;
  bool slow_ = false;
  bool lingering_ = false;
  int index_ = 10;
  int made_ = 0;
  int updates_ = 0;
};

}  // namespace weir
