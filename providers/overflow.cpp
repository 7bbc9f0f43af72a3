#include "providers/overflow.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "platform/file.h"

namespace weir {
namespace {

/// Longer than any launch is repeated.
constexpr auto kForgotten = std::chrono::hours(24);

/// The group as the second provider knows it.
Group at_second(const Group& group) {
  Group there = group;
  there.provider = group.overflow->provider;
  there.server = group.overflow->server;
  return there;
}

std::string prefix_of(const Group& group) { return group.overflow->provider + "/"; }

class OverflowProvider final : public Provider {
 public:
  explicit OverflowProvider(OverflowParts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override {
    Result<std::vector<Server>> all = of_groups(groups, parts_.first->list(groups, stop));
    if (!all) return all;
    std::vector<Group> there;
    for (const Group* group : groups) there.push_back(at_second(*group));
    std::vector<const Group*> pointers;
    for (const Group& group : there) pointers.push_back(&group);
    Result<std::vector<Server>> more = of_groups(groups, parts_.second->list(pointers, stop));
    if (!more) {
      if (is_empty_there(groups)) return all;
      return failure(ErrorKind::unavailable, "the servers of the overflow are not known: " + more.error().message);
    }
    note(groups, *more);
    for (Server& server : *more) {
      const auto group = std::ranges::find(groups, server.group, &Group::name);
      server.id = prefix_of(**group) + server.id;
      server.overflow = true;
      all->push_back(std::move(server));
    }
    std::ranges::sort(*all, {}, &Server::id);
    return all;
  }

  [[nodiscard]] Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override {
    const Result<bool> begun = was_begun(request.token);
    if (!begun) return std::unexpected(begun.error());
    if (!*begun) {
      Result<Server> made = parts_.first->launch(request, stop);
      if (made || made.error().kind != ErrorKind::out_of_capacity) return made;
      if (const auto noted = begin(request); !noted) return std::unexpected(noted.error());
    }
    const Group there = at_second(request.group);
    Result<Server> made = parts_.second->launch({there, request.token, request.version}, stop);
    if (made) {
      made->id = prefix_of(request.group) + made->id;
      made->overflow = true;
      return made;
    }
    // Nothing was made there: the next attempt may find room at the first again.
    const ErrorKind kind = made.error().kind;
    if (kind != ErrorKind::unavailable && kind != ErrorKind::cancelled) forget(request.token);
    return made;
  }

  [[nodiscard]] Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override {
    const std::string prefix = prefix_of(group);
    if (!server.starts_with(prefix)) return parts_.first->terminate(group, server, stop);
    return parts_.second->terminate(at_second(group), server.substr(prefix.size()), stop);
  }

 private:
  /// Both providers may have servers of other groups too; those are their own lists' business.
  static Result<std::vector<Server>> of_groups(std::span<const Group* const> groups, Result<std::vector<Server>> listed) {
    if (!listed) return listed;
    std::erase_if(*listed,
                  [&](const Server& server) { return std::ranges::find(groups, server.group, &Group::name) == groups.end(); });
    return listed;
  }

  [[nodiscard]] std::filesystem::path mark_of(const std::string& token) const { return parts_.directory / (token + ".overflow"); }

  [[nodiscard]] Result<bool> was_begun(const std::string& token) const {
    const auto text = read_file(mark_of(token));
    if (text) return true;
    if (text.error().kind == ErrorKind::not_found) return false;
    return std::unexpected(text.error());
  }

  Result<void> begin(const LaunchRequest& request) {
    {
      const std::lock_guard lock(mutex_);
      empty_there_.erase(request.group.name);
    }
    std::error_code error;
    std::filesystem::create_directories(parts_.directory, error);
    if (error) return failure(ErrorKind::unavailable, fmt::format("{}: {}", parts_.directory.string(), error.message()));
    const auto written = replace_file(mark_of(request.token), request.group.name + "\n");
    // What cannot be written down is not done: nothing was made so far.
    if (!written) return failure(ErrorKind::out_of_capacity, "no launch at the overflow: " + written.error().message);
    return {};
  }

  void forget(const std::string& token) const {
    std::error_code ignored;
    std::filesystem::remove(mark_of(token), ignored);
  }

  [[nodiscard]] bool is_empty_there(std::span<const Group* const> groups) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::all_of(groups, [&](const Group* group) { return empty_there_.contains(group->name); });
  }

  void note(std::span<const Group* const> groups, const std::vector<Server>& there) {
    for (const Server& server : there) forget(server.token);  // it is its own proof now
    const std::lock_guard lock(mutex_);
    for (const Group* group : groups) {
      const bool empty = std::ranges::find(there, group->name, &Server::group) == there.end() && !has_open_launch(group->name);
      if (empty) empty_there_.insert(group->name);
      if (!empty) empty_there_.erase(group->name);
    }
  }

  /// A launch begun at the second whose server has not been listed yet. One that is never listed was given up long ago.
  [[nodiscard]] bool has_open_launch(const std::string& group) const {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(parts_.directory, error)) {
      std::error_code unknown;
      const auto written = std::filesystem::last_write_time(entry.path(), unknown);
      if (!unknown && std::filesystem::file_time_type::clock::now() - written > kForgotten) {
        std::filesystem::remove(entry.path(), unknown);
        continue;
      }
      const auto text = read_file(entry.path());
      if (!text || *text == group + "\n") return true;
    }
    return error && error != std::errc::no_such_file_or_directory;
  }

  const OverflowParts parts_;
  mutable std::mutex mutex_;
  std::set<std::string> empty_there_;  ///< groups of which nothing is at the second, nor can be
};

}  // namespace

std::unique_ptr<Provider> make_overflow_provider(OverflowParts parts) {
  return std::make_unique<OverflowProvider>(std::move(parts));
}

}  // namespace weir
