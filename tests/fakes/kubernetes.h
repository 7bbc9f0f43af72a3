#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/time.h"
#include "tests/support/http_stub.h"

namespace weir {

/// A Kubernetes API server with the controllers that matter to a workload: Deployments, ReplicaSets, StatefulSets, and a scheduler
/// and kubelets that run every pod at once. Its rules are those of the published sources: resourceVersions and uids as conditions,
/// lists in pages, the ReplicaSet controller's ranking of victims, a StatefulSet's ordinals. Thread-safe.
class FakeKubernetes {
 public:
  using Json = nlohmann::json;
  enum class Fault {
    throttled,    ///< 429 with Retry-After, nothing done
    broken,       ///< 500, nothing done
    reset,        ///< the connection is reset, nothing done
    lost_reply,   ///< done, then the connection is reset
    garbage,      ///< 200 and no JSON
    cut_off,      ///< done, and the answer ends half-way
    someone_else  ///< before it is done, another hand changes the workload
  };
  struct Asked {
    std::string method;
    std::string path;  ///< without its query
    std::string query;
    Json body;
  };
  /// How the controllers behave.
  enum class Controllers { prompt, held };

  FakeKubernetes();
  FakeKubernetes(const FakeKubernetes&) = delete;
  FakeKubernetes& operator=(const FakeKubernetes&) = delete;

  [[nodiscard]] std::string url() const { return stub_.url(); }
  /// A kubeconfig for it, with the token that it accepts.
  [[nodiscard]] std::string kubeconfig() const;

  void add_deployment(const std::string& space, const std::string& name, int replicas);
  void add_stateful_set(const std::string& space, const std::string& name, int replicas);
  void add_autoscaler(const std::string& space, const std::string& name, const std::string& kind, const std::string& target);
  /// As with `kubectl scale`.
  void scale(const std::string& space, const std::string& workload, int replicas);
  [[nodiscard]] int replicas(const std::string& space, const std::string& workload) const;
  /// Changes any object, by kind and name, as its owner or a kubelet would.
  void edit(const std::string& kind, const std::string& name, const std::function<void(Json&)>& change);
  void erase(const std::string& kind, const std::string& name);
  /// The objects of that kind: Pod, Deployment, ReplicaSet …
  [[nodiscard]] std::vector<Json> objects(const std::string& kind) const;
  /// Names of the pods that are neither ended nor being deleted, sorted.
  [[nodiscard]] std::vector<std::string> living() const;
  /// A second ReplicaSet with one pod beside the first, as in the middle of a rollout.
  void begin_rollout(const std::string& space, const std::string& deployment);

  /// Held controllers act only when act() is called.
  void controllers(Controllers how);
  void act();
  /// A quota: so many pods may exist.
  void allow_pods(int count);
  /// From now on no node takes new pods.
  void fill_nodes();
  /// Deleted pods stay listed until told otherwise.
  void keep_terminating(bool keep);
  void pass(Duration time);
  [[nodiscard]] TimePoint now() const;

  /// The next requests of this method (empty: any) meet these, one each.
  void fault(Fault what, const std::string& method = {});
  /// Every request of this method does, until called with nothing.
  void fault_always(std::optional<Fault> what, const std::string& method = {});
  void expire_continue(int times);  ///< so many continued lists are answered 410
  void page_size(int most);         ///< pages are never longer
  void deny(const std::string& verb, const std::string& resource);
  void accept_token(const std::string& token);
  [[nodiscard]] std::vector<Asked> asked() const;
  [[nodiscard]] int pods_made() const;

 private:
  using Key = std::pair<std::string, std::string>;  // kind, name
  struct Call;
  [[nodiscard]] HttpStub::Answer answer(const HttpStub::Request& request);
  [[nodiscard]] HttpStub::Answer serve(const Call& call);
  [[nodiscard]] HttpStub::Answer list(const Call& call);
  [[nodiscard]] HttpStub::Answer change(const Call& call, Json& object);
  [[nodiscard]] HttpStub::Answer put_scale(const Call& call, Json& object);
  [[nodiscard]] HttpStub::Answer remove_pod(const Call& call, Json& object);
  [[nodiscard]] Json meta(const std::string& space, const std::string& name);
  void touch(Json& object);
  void add_workload(const std::string& kind, const std::string& space, const std::string& name, int replicas);
  void reconcile();
  void reconcile_deployment(Json& deployment);
  void reconcile_set(const std::string& set);
  void reconcile_stateful(Json& stateful);
  void finish_deletions();
  void run_pods();
  bool make_pod(const Json& owner, const std::string& name);
  void report_quota(const Json& owner, bool full);
  [[nodiscard]] std::vector<std::string> pods_of(const std::string& owner, bool active) const;
  [[nodiscard]] bool goes_before(const std::string& first, const std::string& second) const;
  void begin_deletion(const std::string& pod);
  [[nodiscard]] std::string random_suffix();

  mutable std::mutex mutex_;
  std::map<Key, Json> objects_;
  std::map<std::string, std::vector<Json>> continued_;
  std::set<std::pair<std::string, std::string>> denied_;
  std::deque<std::pair<std::string, Fault>> faults_;
  std::optional<std::pair<std::string, Fault>> always_;
  std::vector<Asked> asked_;
  std::string token_ = "token-1";
  TimePoint now_{Duration{1'780'000'000'000}};
  Controllers controllers_ = Controllers::prompt;
  int version_ = 100;
  int uids_ = 0;
  int made_ = 0;
  int quota_ = 1000;
  int page_size_ = 500;
  int expiries_ = 0;
  bool full_ = false;
  bool keep_terminating_ = false;
  HttpStub stub_;  // last: its threads end before what they use
};

}  // namespace weir
